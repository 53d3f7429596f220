"""OpenTelemetry spans and counters after the GenAI semantic conventions; never prompt, log or secret text."""
