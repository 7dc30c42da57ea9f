"""AI over rows: jobs, their orchestration, the ledger of outcomes and writing them to the sheet."""
