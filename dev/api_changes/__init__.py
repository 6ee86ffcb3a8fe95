"""What has changed in the two APIs since the documents that clients were given last, and what of it breaks them."""
