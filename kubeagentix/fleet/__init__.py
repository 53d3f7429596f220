"""Quick Dx of many clusters at once, on any executor: each cluster a small task, all results one answer."""
