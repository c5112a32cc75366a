"""The campaign of attacks: kills, signals, full disks, strangers' bytes. The quick part runs always, the whole on
demand."""
