"""What the API and the console share: middleware, authentication, problem documents."""
