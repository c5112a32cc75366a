"""What the stand-in for YouTube says: its pages and the answers of its API, with the fields that yt-dlp reads."""

from __future__ import annotations

import html
import json
import urllib.parse
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.fakes.youtube import Caption, Playlist, Track, Video, YouTube

Json = dict[str, Any]

HANDLE = "@loopback"
CHANNEL_ID = "UCloopbackloopbackloopba"
SCRIPT_PATH = "/s/player/10098ac7/player_ias.vflset/en_US/base.js"
STAMP = 20_500
_VERSION = "2.20260801.00.00"


@dataclass(frozen=True)
class State:
    """How the player answers, in the site's words. hidden: the title a list shows instead of the video's own."""

    status: str = "OK"
    reason: str = ""
    more: str = ""
    hidden: str = ""


_GONE = "Video unavailable"
STATES = {
    "ok": State(),
    "private": State(
        "LOGIN_REQUIRED",
        "Private video",
        "Sign in if you've been granted access to this video",
        "[Private video]",
    ),
    "deleted": State("ERROR", _GONE, "This video has been removed by the uploader", "[Deleted video]"),
    "terminated": State(
        "ERROR",
        _GONE,
        "This video is no longer available because the YouTube account associated with this video has been terminated.",
        "[Deleted video]",
    ),
    "members": State(
        "UNPLAYABLE",
        "Join this channel to get access to members-only content like this video, and other exclusive perks.",
    ),
    "age": State("LOGIN_REQUIRED", "Sign in to confirm your age", "This video may be inappropriate for some users."),
    "country": State("UNPLAYABLE", _GONE, "The uploader has not made this video available in your country"),
    "copyright": State(
        "UNPLAYABLE", _GONE, "This video contains content from A Label, who has blocked it on copyright grounds"
    ),
    "live": State(),
    "premiere": State("LIVE_STREAM_OFFLINE", "Premieres in 5 hours"),
    "announced": State("LIVE_STREAM_OFFLINE", "This live event will begin in 2 days."),
    # The apostrophe is the site's, a curly one.
    "bot": State("LOGIN_REQUIRED", "Sign in to confirm you\u2019re not a bot", "This helps protect our community."),
    "rate_limited": State("UNPLAYABLE", "This content isn't available, try again later."),
    "drm": State(),
    "nofmt": State(),
}
SOON = ("premiere", "announced")


# The player's script. yt-dlp has deno run the function that sets "alr"; the server asks for what comes out of it.
SCRIPT = """
(function(root){
  function Address(start){ this.start = start; this.parts = new Map(); }
  Address.prototype.get = function(key){ var part = this.parts.get(key); return part === undefined ? null : part; };
  Address.prototype.set = function(key, value){ this.parts.set(key, value); return this; };
  Address.prototype.finish = function(){ var n = this.get("n"); if (n) this.set("n", turn(n, 3)); };
  function turn(text, by){ return text.slice(by) + text.slice(0, by); }
  function open(start, key, sealed){
    var address = new Address(start);
    address.set("alr", "yes");
    if (sealed) address.set(key, encodeURIComponent(turn(decodeURIComponent(sealed), 5)));
    return address;
  }
  var settings = {signatureTimestamp: STAMP};
}).call(this, {});
""".replace("STAMP", str(STAMP))


def turned(text: str, by: int) -> str:
    """What `turn` in the player's script does."""
    return text[by:] + text[:by]


def challenge(video: Video, itag: int) -> tuple[str, str]:
    """(n, signature) as they leave the server; the script turns the first by 3 and the second by 5."""
    plain = "".join(letter if letter.isalnum() else "Q" for letter in video.id)
    return f"{plain}n{itag}", f"signed{plain}{itag}"


def page(title: str, *, data: Json | None = None, player: Json | None = None) -> str:
    """An HTML page with the variables a page of the site carries."""
    settings = {
        "INNERTUBE_CLIENT_NAME": "WEB",
        "INNERTUBE_CLIENT_VERSION": _VERSION,
        "INNERTUBE_CONTEXT_CLIENT_NAME": 1,
        "INNERTUBE_CONTEXT": {"client": {"clientName": "WEB", "clientVersion": _VERSION, "hl": "en", "gl": "TW"}},
        "VISITOR_DATA": "loopback",
        "LOGGED_IN": False,
        "STS": STAMP,
        "PLAYER_JS_URL": SCRIPT_PATH,
    }
    scripts = [f"ytcfg.set({_script(settings)});"]
    scripts += [
        f"var {name} = {_script(value)};"
        for name, value in (("ytInitialPlayerResponse", player), ("ytInitialData", data))
        if value is not None
    ]
    body = "".join(f"<script>{script}</script>" for script in scripts)
    return f"<!DOCTYPE html><html><head><title>{html.escape(title)}</title></head><body>{body}</body></html>"


def _script(value: Json) -> str:
    # No text of a stranger may end the script element.
    return json.dumps(value).replace("<", "\\u003c")


def text(text: str) -> Json:
    """Words as the site wraps them."""
    return {"runs": [{"text": text}]}


def to_channel() -> Json:
    """Where the name of a channel leads."""
    return {"browseEndpoint": {"browseId": CHANNEL_ID, "canonicalBaseUrl": f"/{HANDLE}"}}


def watch(video: Video | None, beside: Playlist | None = None) -> Json:
    """The data of a watch page, which alone tells the licence. beside: the list the link named."""
    blocks: list[Json] = []
    if video and not STATES[video.state].hidden:
        line = {"title": {"simpleText": "License"}, "contents": [text(video.licence)]}
        rows = [{"metadataRowRenderer": line}] if video.licence else []
        owner = {"title": {"runs": [{"text": video.channel, "navigationEndpoint": to_channel()}]}}
        blocks.append({"videoPrimaryInfoRenderer": {"title": text(video.title)}})
        blocks.append(
            {
                "videoSecondaryInfoRenderer": {
                    "owner": {"videoOwnerRenderer": owner | {"navigationEndpoint": to_channel()}},
                    "metadataRowContainer": {"metadataRowContainerRenderer": {"rows": rows}},
                }
            }
        )
    columns: Json = {"results": {"results": {"contents": blocks}}}
    if beside:
        link = {"commandMetadata": {"webCommandMetadata": {"url": f"/playlist?list={beside.id}"}}}
        panel = [{"playlistPanelVideoRenderer": {"videoId": id}} for id in beside.videos]
        named = {"playlistId": beside.id, "title": beside.title, "endpoint": link, "contents": panel}
        columns["playlist"] = {"playlist": named}
    return {"contents": {"twoColumnWatchNextResults": columns}}


def player(site: YouTube, video: Video | None, id: str, client: str) -> Json:
    """What a client of the player is told: whether it plays, what it is, where its sound and captions are."""
    how = site.how(client)
    state = STATES["bot" if how == "bot" else video.state if video else "deleted"]
    answer: Json = {"playabilityStatus": _playability(state), "videoDetails": {"videoId": id}}
    if video is None or state.hidden:
        return answer
    soon, live = video.state in SOON, video.state == "live"
    answer["videoDetails"] = {
        "videoId": id,
        "title": video.title,
        "author": video.channel,
        "channelId": CHANNEL_ID,
        "lengthSeconds": "0" if soon or live else str(video.claimed),
        "isLive": live,
        "isUpcoming": soon,
        "isLiveContent": soon or live,
        "isPrivate": False,
    }
    if client == "WEB":
        answer["microformat"] = {"playerMicroformatRenderer": _microformat(video, soon or live)}
    if state.status != "OK":
        return answer
    if video.captions:
        answer["captions"] = {"playerCaptionsTracklistRenderer": _captions(video, client)}
    if live:
        manifest = f"https://manifest.googlevideo.com/api/manifest/hls_variant/id/{id}/index.m3u8"
        answer["streamingData"] = {"hlsManifestUrl": manifest}
    elif video.state != "nofmt":
        answer["streamingData"] = {"expiresInSeconds": "21540", "adaptiveFormats": _formats(site, video, client, how)}
    return answer


def _playability(state: State) -> Json:
    status: Json = {"status": state.status}
    if state.reason:
        status["reason"] = state.reason
    if state.more:
        words = {"reason": {"simpleText": state.reason}, "subreason": {"simpleText": state.more}}
        status["errorScreen"] = {"playerErrorMessageRenderer": words}
    return status


def _microformat(video: Video, broadcast: bool) -> Json:
    found: Json = {
        "title": {"simpleText": video.title},
        "uploadDate": f"{video.date}T08:00:00+08:00",
        "isFamilySafe": video.state != "age",
        "isUnlisted": False,
        "availableCountries": ["JP", "TW"],
        "externalChannelId": CHANNEL_ID,
        "ownerProfileUrl": f"http://www.youtube.com/{HANDLE}",
    }
    if broadcast:
        found["liveBroadcastDetails"] = {
            "isLiveNow": video.state == "live",
            "startTimestamp": "2031-01-01T00:00:00+00:00",
        }
    return found


TRANSLATIONS = {
    "en": "English",
    "ja": "Japanese",
    "zh-Hant": "Chinese (Traditional)",
    "zh-Hans": "Chinese (Simplified)",
}


def _captions(video: Video, client: str) -> Json:
    return {
        "captionTracks": [_caption(video, caption, client) for caption in video.captions],
        "translationLanguages": [
            {"languageCode": code, "languageName": {"simpleText": name}} for code, name in TRANSLATIONS.items()
        ],
    }


def _caption(video: Video, caption: Caption, client: str) -> Json:
    query = {"v": video.id, "lang": caption.language}
    if caption.name:
        query["name"] = caption.name
    if video.captions_hidden and client == "WEB":
        query["exp"] = "xpe"
    track: Json = {
        "languageCode": caption.language,
        "vssId": ("a." if caption.automatic else ".") + caption.language + (f".{caption.name}" if caption.name else ""),
        "name": {"simpleText": caption.language + (" (auto-generated)" if caption.automatic else "")},
        "isTranslatable": True,
    }
    if caption.automatic:
        track["kind"] = query["kind"] = "asr"
    track["baseUrl"] = "https://www.youtube.com/api/timedtext?" + urllib.parse.urlencode(query)
    return track


def json3(caption: Caption) -> Json:
    """Captions in the one form that tells every cue once."""
    return {
        "wireMagic": "pb3",
        "events": [
            {"tStartMs": round(start * 1000), "dDurationMs": round(length * 1000), "segs": [{"utf8": text}]}
            for start, length, text in caption.cues
        ],
    }


def _formats(site: YouTube, video: Video, client: str, how: str) -> list[Json]:
    """Every track as 140 (and 251), and one picture without sound, which nobody should ask for."""
    found = [
        _sound(site, video, client, how, itag, track)
        for track in video.tracks or [None]
        for itag in ((140, 251) if video.opus else (140,))
    ]
    picture = {"width": 640, "height": 360, "fps": 25, "qualityLabel": "360p", "bitrate": 250_000}
    mime = {"itag": 134, "mimeType": 'video/mp4; codecs="avc1.4d401e"', "quality": "medium"}
    found.append({**mime, **picture, **_link(site, video, client, how, 134, None)})
    if video.state == "drm":
        found = [{**one, "drmFamilies": ["WIDEVINE"]} for one in found]
    return found


def _sound(site: YouTube, video: Video, client: str, how: str, itag: int, track: Track | None) -> Json:
    one: Json = {
        "itag": itag,
        "mimeType": 'audio/mp4; codecs="mp4a.40.2"' if itag == 140 else 'audio/webm; codecs="opus"',
        "quality": "tiny",
        "audioQuality": "AUDIO_QUALITY_MEDIUM",
        "audioSampleRate": "44100",
        "audioChannels": track.channels if track else 1,
        "bitrate": 129_000,
        "approxDurationMs": str(video.claimed * 1000),
        "contentLength": str(len(site.audio(video.id, itag, track.id if track else ""))),
        **_link(site, video, client, how, itag, track),
    }
    if track:
        one["audioTrack"] = {"id": track.id, "displayName": track.name, "audioIsDefault": track.default}
    return one


def _link(site: YouTube, video: Video, client: str, how: str, itag: int, track: Track | None) -> Json:
    url = site.media_url(video, itag, client, track)
    if how == "cipher":
        n, signature = challenge(video, itag)
        sealed = {"s": signature, "sp": "sig", "url": f"{url}&n={n}"}
        return {"signatureCipher": urllib.parse.urlencode(sealed)}
    return {} if how == "sabr" else {"url": url}
