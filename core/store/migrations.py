"""The tables, version by version: what a workspace made by an older program goes through when it is opened."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator

from core.errors import UserError
from core.store.connection import Connection

MIGRATIONS = (
    """
    CREATE TABLE sources (
        id INTEGER PRIMARY KEY, url TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, title TEXT NOT NULL DEFAULT '',
        added INTEGER NOT NULL
    );
    CREATE TABLE videos (
        id TEXT PRIMARY KEY, source INTEGER REFERENCES sources(id), position INTEGER NOT NULL DEFAULT 0,
        url TEXT NOT NULL DEFAULT '', title TEXT NOT NULL DEFAULT '', channel TEXT NOT NULL DEFAULT '',
        channel_url TEXT NOT NULL DEFAULT '', duration_ms INTEGER, upload_date TEXT NOT NULL DEFAULT '',
        licence TEXT NOT NULL DEFAULT 'unknown', licence_text TEXT NOT NULL DEFAULT '',
        captions TEXT NOT NULL DEFAULT '[]', live_status TEXT NOT NULL DEFAULT '',
        selected INTEGER NOT NULL DEFAULT 0, state TEXT NOT NULL DEFAULT 'listed', path TEXT, bytes INTEGER,
        error TEXT, cut TEXT, added INTEGER NOT NULL
    );
    CREATE TABLE segments (
        id TEXT PRIMARY KEY, video TEXT NOT NULL REFERENCES videos(id) ON DELETE CASCADE,
        start_ms INTEGER NOT NULL, end_ms INTEGER NOT NULL, path TEXT NOT NULL, dbfs REAL, speech REAL,
        part TEXT CHECK (part IN ('train', 'test')),
        UNIQUE (video, start_ms, end_ms)
    );
    CREATE TABLE transcripts (
        segment TEXT PRIMARY KEY REFERENCES segments(id) ON DELETE CASCADE,
        text TEXT NOT NULL, raw TEXT NOT NULL DEFAULT '',
        origin TEXT NOT NULL CHECK (origin IN ('machine', 'caption', 'human', 'imported')),
        model TEXT NOT NULL DEFAULT '', avg_logprob REAL, no_speech_prob REAL, compression_ratio REAL,
        flags TEXT NOT NULL DEFAULT '[]', suspicion REAL,
        review TEXT NOT NULL DEFAULT 'pending' CHECK (review IN ('pending', 'accepted', 'rejected')),
        updated INTEGER NOT NULL
    );
    -- Append-only, and without a foreign key: the history outlives a segment that is cut anew.
    CREATE TABLE edits (
        id INTEGER PRIMARY KEY AUTOINCREMENT, segment TEXT NOT NULL, at INTEGER NOT NULL, who TEXT NOT NULL,
        before TEXT, after TEXT, undoes INTEGER REFERENCES edits(id)
    );
    CREATE INDEX edits_by_segment ON edits(segment, id);
    CREATE UNIQUE INDEX edits_undone_once ON edits(undoes) WHERE undoes IS NOT NULL;
    CREATE TABLE notes (key TEXT PRIMARY KEY, value TEXT NOT NULL);
    CREATE TABLE evaluations (
        id INTEGER PRIMARY KEY, at INTEGER NOT NULL, model TEXT NOT NULL, result TEXT NOT NULL
    );
    CREATE TABLE evaluation_rows (
        evaluation INTEGER NOT NULL REFERENCES evaluations(id) ON DELETE CASCADE, segment TEXT NOT NULL,
        reference TEXT NOT NULL, base TEXT NOT NULL, tuned TEXT NOT NULL, base_errors INTEGER NOT NULL,
        tuned_errors INTEGER NOT NULL, characters INTEGER NOT NULL, PRIMARY KEY (evaluation, segment)
    );
    """,
    """
    -- When the list was last read to its end, NULL for never, so that a stopped listing is known as one.
    ALTER TABLE sources ADD COLUMN listed INTEGER;
    -- Of lists that are here already nobody knows, and most were read to their end.
    UPDATE sources SET listed = added;
    -- When the site was last asked what it tells of this video beside the list, NULL for never.
    ALTER TABLE videos ADD COLUMN asked INTEGER;
    -- The captions of a recording: cues as [[start_ms, end_ms, text], ...], error says why there are none.
    CREATE TABLE captions (
        video TEXT PRIMARY KEY REFERENCES videos(id) ON DELETE CASCADE, language TEXT NOT NULL DEFAULT '',
        automatic INTEGER NOT NULL DEFAULT 0, cues TEXT NOT NULL DEFAULT '[]', error TEXT, at INTEGER NOT NULL
    );
    """,
    """
    -- SHA-256 of the wav as it was written, so that nobody reads the audio again to know it. NULL: from before it.
    ALTER TABLE segments ADD COLUMN digest TEXT;
    """,
    """
    -- Several edits that are one to a person, and are taken back as one: those of the numbers first to last that carry
    -- its own. undone: 0 in force, 1 being taken back (or that was interrupted), 2 taken back.
    CREATE TABLE batches (
        id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, who TEXT NOT NULL,
        first INTEGER NOT NULL DEFAULT 0, last INTEGER NOT NULL DEFAULT 0, undone INTEGER NOT NULL DEFAULT 0
    );
    ALTER TABLE edits ADD COLUMN batch INTEGER;
    -- A mark beside the edit that undoes it, so that the last one in force is found without looking at all of them.
    ALTER TABLE edits ADD COLUMN undone INTEGER NOT NULL DEFAULT 0;
    UPDATE edits SET undone = 1 WHERE id IN (SELECT undoes FROM edits WHERE undoes IS NOT NULL);
    CREATE INDEX edits_in_force ON edits(id)
        WHERE who = 'person' AND undoes IS NULL AND undone = 0 AND batch IS NULL;

    -- Every split is written beside the one in force (counts.split) and takes its place in one small transaction.
    CREATE TABLE splits (
        id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL,
        train INTEGER NOT NULL DEFAULT 0, test INTEGER NOT NULL DEFAULT 0
    );
    CREATE TABLE parts (
        segment TEXT NOT NULL REFERENCES segments(id) ON DELETE CASCADE, split INTEGER NOT NULL,
        part TEXT NOT NULL CHECK (part IN ('train', 'test')), PRIMARY KEY (segment, split)
    ) WITHOUT ROWID;
    CREATE TRIGGER part_added AFTER INSERT ON parts BEGIN
        UPDATE splits SET train = train + (NEW.part = 'train'), test = test + (NEW.part = 'test') WHERE id = NEW.split;
    END;
    CREATE TRIGGER part_removed AFTER DELETE ON parts BEGIN
        UPDATE splits SET train = train - (OLD.part = 'train'), test = test - (OLD.part = 'test') WHERE id = OLD.split;
    END;

    -- One row, kept by the triggers below. `Segments.recount` makes it anew.
    CREATE TABLE counts (
        one INTEGER PRIMARY KEY CHECK (one = 1), split INTEGER,
        segments INTEGER NOT NULL DEFAULT 0, labelled INTEGER NOT NULL DEFAULT 0,
        accepted INTEGER NOT NULL DEFAULT 0, rejected INTEGER NOT NULL DEFAULT 0,
        usable INTEGER NOT NULL DEFAULT 0, accepted_ms INTEGER NOT NULL DEFAULT 0
    );
    -- Which segment was added, changed or removed, the last 10 000 times; the newest has the greatest revision.
    CREATE TABLE changes (revision INTEGER PRIMARY KEY, segment TEXT NOT NULL);

    CREATE TRIGGER segment_added AFTER INSERT ON segments BEGIN
        UPDATE counts SET segments = segments + 1;
        INSERT INTO changes (segment) VALUES (NEW.id);
        DELETE FROM changes WHERE revision = last_insert_rowid() - 10000;
    END;
    CREATE TRIGGER segment_changed AFTER UPDATE OF path, dbfs, speech ON segments BEGIN
        INSERT INTO changes (segment) VALUES (NEW.id);
        DELETE FROM changes WHERE revision = last_insert_rowid() - 10000;
    END;
    -- The transcript goes first: its own trigger asks for the length of the segment.
    CREATE TRIGGER segment_goes BEFORE DELETE ON segments BEGIN
        DELETE FROM transcripts WHERE segment = OLD.id;
    END;
    CREATE TRIGGER segment_removed AFTER DELETE ON segments BEGIN
        UPDATE counts SET segments = segments - 1;
        INSERT INTO changes (segment) VALUES (OLD.id);
        DELETE FROM changes WHERE revision = last_insert_rowid() - 10000;
    END;
    CREATE TRIGGER transcript_added AFTER INSERT ON transcripts BEGIN
        UPDATE counts SET labelled = labelled + 1,
            accepted = accepted + (NEW.review = 'accepted'), rejected = rejected + (NEW.review = 'rejected'),
            usable = usable + (NEW.review = 'accepted' AND TRIM(NEW.text) <> ''),
            accepted_ms = accepted_ms + (NEW.review = 'accepted')
                * (SELECT end_ms - start_ms FROM segments WHERE id = NEW.segment);
        INSERT INTO changes (segment) VALUES (NEW.segment);
        DELETE FROM changes WHERE revision = last_insert_rowid() - 10000;
    END;
    CREATE TRIGGER transcript_changed AFTER UPDATE ON transcripts BEGIN
        UPDATE counts SET
            accepted = accepted + (NEW.review = 'accepted') - (OLD.review = 'accepted'),
            rejected = rejected + (NEW.review = 'rejected') - (OLD.review = 'rejected'),
            usable = usable + (NEW.review = 'accepted' AND TRIM(NEW.text) <> '')
                - (OLD.review = 'accepted' AND TRIM(OLD.text) <> ''),
            accepted_ms = accepted_ms + ((NEW.review = 'accepted') - (OLD.review = 'accepted'))
                * (SELECT end_ms - start_ms FROM segments WHERE id = NEW.segment);
        INSERT INTO changes (segment) VALUES (NEW.segment);
        DELETE FROM changes WHERE revision = last_insert_rowid() - 10000;
    END;
    CREATE TRIGGER transcript_removed AFTER DELETE ON transcripts BEGIN
        UPDATE counts SET labelled = labelled - 1,
            accepted = accepted - (OLD.review = 'accepted'), rejected = rejected - (OLD.review = 'rejected'),
            usable = usable - (OLD.review = 'accepted' AND TRIM(OLD.text) <> ''),
            accepted_ms = accepted_ms - (OLD.review = 'accepted')
                * (SELECT end_ms - start_ms FROM segments WHERE id = OLD.segment);
        INSERT INTO changes (segment) VALUES (OLD.segment);
        DELETE FROM changes WHERE revision = last_insert_rowid() - 10000;
    END;

    INSERT INTO splits (at) SELECT 0 WHERE EXISTS (SELECT 1 FROM segments WHERE part IS NOT NULL);
    INSERT INTO parts (segment, split, part) SELECT id, 1, part FROM segments WHERE part IS NOT NULL;
    -- From here on `parts` says it.
    UPDATE segments SET part = NULL WHERE part IS NOT NULL;
    INSERT INTO counts (one, split, segments, labelled, accepted, rejected, usable, accepted_ms)
        SELECT 1, (SELECT MAX(id) FROM splits), COUNT(*), COUNT(t.segment), COALESCE(SUM(t.review = 'accepted'), 0),
            COALESCE(SUM(t.review = 'rejected'), 0), COALESCE(SUM(t.review = 'accepted' AND TRIM(t.text) <> ''), 0),
            COALESCE(SUM(CASE WHEN t.review = 'accepted' THEN s.end_ms - s.start_ms END), 0)
        FROM segments s LEFT JOIN transcripts t ON t.segment = s.id;
    """,
    """
    -- Those whose wav is still to be read for its digest: all of them at first, soon none.
    CREATE INDEX segments_without_digest ON segments(id) WHERE digest IS NULL;
    """,
    """
    -- What one source (a labeller, somebody's file) says about a recording. settings: what it was made with, JSON; the
    -- windows of other settings do not go on with it. done: when its last window was stored, NULL while some are
    -- missing. holder: the process that is at work on it, until held_until (ms), unless it says so again.
    CREATE TABLE timed_texts (
        id INTEGER PRIMARY KEY AUTOINCREMENT, video TEXT NOT NULL REFERENCES videos(id) ON DELETE CASCADE,
        source TEXT NOT NULL, settings TEXT NOT NULL, begun INTEGER NOT NULL, done INTEGER,
        holder TEXT, held_until INTEGER, UNIQUE (video, source)
    );
    -- Its windows: what a killed job has stored of them is not done again. words: [[start_ms, end_ms, text, logprob]].
    CREATE TABLE timed_windows (
        timed_text INTEGER NOT NULL REFERENCES timed_texts(id) ON DELETE CASCADE, start_ms INTEGER NOT NULL,
        end_ms INTEGER NOT NULL, text TEXT NOT NULL, words TEXT NOT NULL, avg_logprob REAL NOT NULL,
        no_speech_prob REAL NOT NULL, flags TEXT NOT NULL, PRIMARY KEY (timed_text, start_ms, end_ms)
    ) WITHOUT ROWID;
    -- The sum of the natural log-probabilities of a transcript's words; avg_logprob is their mean.
    ALTER TABLE transcripts ADD COLUMN logprob REAL;
    -- How a second labeller reads a segment. text: the first reading. places: where they differ, [[start, end, other]].
    CREATE TABLE second_readings (
        segment TEXT PRIMARY KEY REFERENCES segments(id) ON DELETE CASCADE, source TEXT NOT NULL, text TEXT NOT NULL,
        other TEXT NOT NULL, places TEXT NOT NULL
    ) WITHOUT ROWID;
    """,
    """
    -- 1: not of the cut that its recording has now, but of an earlier one, or imported; a person gave it something.
    ALTER TABLE segments ADD COLUMN kept INTEGER NOT NULL DEFAULT 0;
    -- A cut that has begun and is not at its end yet, as JSON; NULL for none.
    ALTER TABLE videos ADD COLUMN cutting TEXT;
    -- So far every cut was of windows, and made whole beside what stayed: what is in none of its places had stayed.
    UPDATE segments SET kept = 1 WHERE EXISTS (
        SELECT 1 FROM videos v WHERE v.id = segments.video
        AND json_extract(v.cut, '$.length_ms') > json_extract(v.cut, '$.overlap_ms')
        AND (start_ms % (json_extract(v.cut, '$.length_ms') - json_extract(v.cut, '$.overlap_ms')) <> 0
            OR end_ms <> MIN(start_ms + json_extract(v.cut, '$.length_ms'),
                COALESCE(json_extract(v.cut, '$.duration_ms'), v.duration_ms, end_ms)))
    );
    """,
    """
    -- The highest sample of a segment, in dBFS, and the share (0-1) of its samples at full scale. NULL: from before it;
    -- `speech` is the share of loud frames then, no detector's word, and is not read.
    ALTER TABLE segments ADD COLUMN peak REAL;
    ALTER TABLE segments ADD COLUMN clipped REAL;
    """,
    """
    -- What cutting has found wrong with the media file: a UserError's texts as JSON; NULL for nothing.
    ALTER TABLE videos ADD COLUMN media_fault TEXT;
    """,
    """
    -- What was done, in words, where several edits are one to a person; before this, all of them accepted rows.
    ALTER TABLE batches ADD COLUMN what TEXT NOT NULL DEFAULT 'accept all';
    """,
    """
    -- The edits of a batch that was taken back as one had no mark so far: an undo of one segment tried them again.
    UPDATE edits SET undone = 1 WHERE undone = 0 AND id IN (SELECT undoes FROM edits WHERE undoes IS NOT NULL);
    """,
    """
    -- Up to where this database knows the journal. id: of the file; position, base (its size when begun): in bytes.
    CREATE TABLE journal (
        one INTEGER PRIMARY KEY CHECK (one = 1), id TEXT NOT NULL, position INTEGER NOT NULL, base INTEGER NOT NULL
    );
    """,
    """
    -- Lines of it, ahead of that position, that are still to be taken in, as JSON; NULL for none.
    ALTER TABLE journal ADD COLUMN backlog TEXT;
    """,
    """
    -- Where an edit (of a batch, its last) that came in from the journal stands in the order in which people made them:
    -- a number between those of the two it was made between. NULL: by its own number (of a batch, `last`).
    ALTER TABLE edits ADD COLUMN made REAL;
    ALTER TABLE batches ADD COLUMN made REAL;
    DROP INDEX IF EXISTS edits_in_force;
    CREATE INDEX edits_in_force ON edits(COALESCE(made, id))
        WHERE who = 'person' AND undoes IS NULL AND undone = 0 AND batch IS NULL;
    """,
)

TABLES = frozenset(re.findall(r"CREATE TABLE (\w+)", "".join(MIGRATIONS)))
"""What a database of this version has."""


def migrate(connection: Connection) -> None:
    """Bring the tables to the version of this program. UserError for a store of a newer one."""
    if user_version(connection) == len(MIGRATIONS):
        return
    connection.take_lock("BEGIN IMMEDIATE")
    try:
        # Asked again under the lock: another process may have migrated meanwhile.
        version = user_version(connection)
        if version > len(MIGRATIONS):
            raise UserError(
                "this workspace was made by a newer whispersmith",
                f"its store has version {version}, this program knows {len(MIGRATIONS)}",
                "update whispersmith",
            )
        for script in MIGRATIONS[version:]:
            for statement in statements(script):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


def statements(script: str) -> Iterator[str]:
    """The single statements of a script: `executescript` would commit the transaction that is open."""
    statement = ""
    for piece in script.split(";")[:-1]:
        statement += f"{piece};"
        # A trigger holds semicolons of its own.
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def user_version(connection: Connection) -> int:
    """How many of the migrations a database has been through."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
