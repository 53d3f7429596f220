"""What providers share: retries that are seen and can be cancelled, and one taxonomy of errors."""
