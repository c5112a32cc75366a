"""The lists of the stand-in for YouTube: playlists in both layouts and a channel's tabs, page by page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tests.fakes.youtube_pages import CHANNEL_ID, HANDLE, SOON, STATES, Json, text, to_channel

if TYPE_CHECKING:
    from tests.fakes.youtube import Playlist, Video, YouTube


def _clock(seconds: int) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}" if minutes >= 60 else f"{minutes}:{rest:02d}"


def _lockup(video: Video) -> Json:
    """A row as lists have it since 2025. There is no licence in it, nor in the older one."""
    hidden = STATES[video.state].hidden
    overlays, lines = [], []
    if not hidden:
        badge = {"text": _clock(video.claimed), "badgeStyle": "THUMBNAIL_OVERLAY_BADGE_STYLE_DEFAULT"}
        if video.state == "live":
            badge = {"text": "LIVE", "badgeStyle": "THUMBNAIL_OVERLAY_BADGE_STYLE_LIVE"}
        elif video.state in SOON:
            badge["text"] = "Upcoming"
        overlays.append({"thumbnailBottomOverlayViewModel": {"badges": [{"thumbnailBadgeViewModel": badge}]}})
        byline = {"content": video.channel, "commandRuns": [{"onTap": {"innertubeCommand": to_channel()}}]}
        lines.append({"metadataParts": [{"text": byline}]})
    if video.state == "members":
        lines.append({"badges": [{"badgeViewModel": {"badgeStyle": "BADGE_MEMBERS_ONLY"}}]})
    about = {
        "title": {"content": hidden or video.title},
        "metadata": {"contentMetadataViewModel": {"metadataRows": lines}},
    }
    return {
        "lockupViewModel": {
            "contentId": video.id,
            "contentType": "LOCKUP_CONTENT_TYPE_VIDEO",
            "contentImage": {"thumbnailViewModel": {"overlays": overlays}},
            "metadata": {"lockupMetadataViewModel": about},
        }
    }


def _classic(video: Video) -> Json:
    hidden = STATES[video.state].hidden
    row: Json = {"videoId": video.id, "title": text(hidden or video.title), "isPlayable": not hidden}
    if not hidden:
        row["lengthSeconds"] = str(video.claimed)
        row["shortBylineText"] = {"runs": [{"text": video.channel, "navigationEndpoint": to_channel()}]}
    return {"playlistVideoRenderer": row}


def _short(video: Video) -> Json:
    return {
        "shortsLockupViewModel": {
            "entityId": f"shorts-shelf-item-{video.id}",
            "onTap": {"innertubeCommand": {"reelWatchEndpoint": {"videoId": video.id}}},
            "overlayMetadata": {"primaryText": {"content": video.title}},
        }
    }


def _cut(rows: Sequence[Json], total: int, list_id: str, page: int, size: int) -> list[Json]:
    """The rows of one page, and what leads to the next."""
    cut = list(rows)
    if (page + 1) * size < total:
        command = {"token": f"{list_id}/{page + 1}", "request": "CONTINUATION_REQUEST_TYPE_BROWSE"}
        cut.append({"continuationItemRenderer": {"continuationEndpoint": {"continuationCommand": command}}})
    return cut


def playlist_rows(site: YouTube, playlist: Playlist, page: int) -> list[Json]:
    size, layout = playlist.page_size, _classic if playlist.layout == "classic" else _lockup
    rows = [layout(site.videos[id]) for id in playlist.videos[page * size : (page + 1) * size]]
    return _cut(rows, len(playlist.videos), playlist.id, page, size)


def channel_rows(site: YouTube, tab: str, page: int) -> list[Json]:
    size, shown, layout = site.page_size, site.shown(tab), _short if tab == "shorts" else _lockup
    rows = [{"richItemRenderer": {"content": layout(video)}} for video in shown[page * size : (page + 1) * size]]
    return _cut(rows, len(shown), f"tab:{tab}", page, size)


def _tabs(tabs: list[Json]) -> Json:
    return {"twoColumnBrowseResultsRenderer": {"tabs": [{"tabRenderer": tab} for tab in tabs]}}


def playlist(site: YouTube, found: Playlist | None) -> Json:
    if found is None or found.error:
        said = found.error if found else "The playlist does not exist."
        return {"contents": _tabs([]), "alerts": [{"alertRenderer": {"type": "ERROR", "text": text(said)}}]}
    rows = playlist_rows(site, found, 0)
    if found.layout == "classic":
        rows = [{"playlistVideoListRenderer": {"playlistId": found.id, "contents": rows}}]
    section = {"sectionListRenderer": {"contents": [{"itemSectionRenderer": {"contents": rows}}]}}
    count = {"runs": [{"text": f"{len(found.videos):,}"}, {"text": " videos"}]}
    return {
        "metadata": {"playlistMetadataRenderer": {"title": found.title}},
        "microformat": {"microformatDataRenderer": {"unlisted": False, "noindex": False}},
        "contents": _tabs([{"selected": True, "content": section}]),
        "sidebar": {"playlistSidebarRenderer": {"items": [{"playlistSidebarPrimaryInfoRenderer": {"stats": [count]}}]}},
    }


def channel(site: YouTube, tab: str) -> Json:
    tabs = []
    for name in site.tabs():
        url = f"/{HANDLE}/{name}"
        one: Json = {"title": "Live" if name == "streams" else name.title(), "selected": name == tab}
        one["endpoint"] = {"commandMetadata": {"webCommandMetadata": {"url": url}}}
        if name == tab:
            one["content"] = {"richGridRenderer": {"contents": channel_rows(site, name, 0)}}
        tabs.append(one)
    about = {
        "title": site.channel,
        "externalId": CHANNEL_ID,
        "channelUrl": f"https://www.youtube.com/channel/{CHANNEL_ID}",
        "vanityChannelUrl": f"http://www.youtube.com/{HANDLE}",
    }
    return {"metadata": {"channelMetadataRenderer": about}, "contents": _tabs(tabs)}


def more(rows: list[Json]) -> Json:
    return {"onResponseReceivedActions": [{"appendContinuationItemsAction": {"continuationItems": rows}}]}
