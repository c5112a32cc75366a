"""Where recordings come from: sites that yt-dlp knows, feeds, and files on this machine."""
