"""Topics, subscriptions, and pushing events to browsers over Web PubSub."""
