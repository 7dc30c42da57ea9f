"""An Azure OpenAI stand-in: the service's paths, errors, quotas and streaming around an offline rule engine."""
