"""What a person can do when a site refuses this machine, in the order in which it should be tried."""

from __future__ import annotations

UPGRADE = 'pip install -U "yt-dlp[default,deno]"'

EXIT = 'another exit: in whispersmith.toml, below [ytdlp], proxy = "socks5h://host:port"'

COOKIES = (
    "cookies, as the last resort. This machine has no browser, so on your own computer: open a private window and log "
    "in with a spare account, since accounts that download get banned",
    "in that window, with no other tab, open https://www.youtube.com/robots.txt and export the cookies of that page in "
    "Netscape form, as cookies.txt; then close the window, so that the site does not renew them",
    "bring the file here: scp cookies.txt USER@THIS_MACHINE:WORKSPACE/ and there: chmod 600 cookies.txt",
    'in whispersmith.toml, below [ytdlp], cookiefile = "cookies.txt"',
    "cookies live from an hour to some days; if it gets worse with them, take the setting out and try without",
)

ON = "go on now: whispersmith fetch"

RATE_LIMITED = (f"wait an hour or more; the queue is kept. Then {ON}", EXIT, *COOKIES)
BOT_WALL = (f"wait, some hours up to two days; the queue is kept. Then {ON}", EXIT, *COOKIES)
COOKIES_OLD = (
    "try without: take cookiefile out of [ytdlp] in whispersmith.toml, then whispersmith fetch",
    EXIT,
    *COOKIES,
)
COOKIES_UNREADABLE = (
    "try without: take cookiefile (or cookiesfrombrowser) out of [ytdlp] in whispersmith.toml, then whispersmith fetch",
    *COOKIES,
)
PROXY = (
    "check the address below [ytdlp] in whispersmith.toml, or HTTPS_PROXY, and that the proxy runs",
    'go without one: proxy = "" below [ytdlp]',
    ON,
)
NETWORK = ("check this machine's network: whispersmith check", EXIT, ON)
DISK = (
    "see what is full: df -h . ; whispersmith check says how much room this folder has",
    "make room, or free the folder for writing",
    ON,
)
OUTDATED = (UPGRADE, "whispersmith check, which also looks at deno", ON)
