"""The machine room: what the shop runs on and what knows nothing of it; each package could be lifted out."""
