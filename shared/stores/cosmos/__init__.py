"""Documents in Azure Cosmos DB for NoSQL: the database of the product in Azure."""
