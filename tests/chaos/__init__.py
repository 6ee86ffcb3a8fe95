"""The fault table: the whole service under load while something of it is killed, frozen or cut off (``make chaos``)."""
