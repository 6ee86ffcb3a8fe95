"""What happens to every HTTP request before either API sees it: pure ASGI layers, and what they read."""
