"""The offline engine: rules that summarise, extract terms, score alignment, classify and fill JSON schemas.

It is not a language model and does not pretend to be one: `model` is `offline-rules-1`. Equal requests get equal
replies. `engine.reply` decides what is asked; the other modules each do one thing with a text.
"""
