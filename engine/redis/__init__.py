"""Redis or Valkey: client, publish and subscribe, rate limiter, stream broker."""
