"""Hearing a segment: on this machine's own loudspeaker, or over SSH in a browser tab that follows the terminal.

player.py         what every player can do
opening.py        which one fits here
local.py          the loudspeaker of this machine
browser.py        the tab: what the terminal asks for becomes events of the page
server.py         the loopback server behind the tab; page.html and page.js are the tab
file.py           a file for other players
clips.py          the sound of a segment as it is sent: Opus or WAV
segment_clips.py  that of a workspace's segments, with a moment of what lies around them
stretch.py        slower, at the same pitch
tunnel.py         the line that brings the port to the person's own machine
"""
