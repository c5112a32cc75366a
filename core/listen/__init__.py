"""Hearing a segment: on this machine's own loudspeaker, or over SSH in a browser tab that follows the terminal.

player.py    what every player can do, and which one fits here
clips.py     the sound of a segment as it is sent: Opus or WAV, with a moment of what lies around it
local.py     the loudspeaker of this machine
browser.py   the tab: what the terminal asks for becomes events of the page
server.py    the loopback server behind the tab
tunnel.py    the line that brings the port to the person's own machine
"""
