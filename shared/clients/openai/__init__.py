"""Azure OpenAI (and servers that speak its protocol) as the application's model. Imports no SDK by itself."""

from shared.clients.openai.model import OpenAIModel

__all__ = ["OpenAIModel"]
