"""The sandbox as OAuth 2.0 provider: the page that asks a person, codes, tokens, renewal, revocation."""
