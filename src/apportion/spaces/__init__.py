"""What can be shared: sites, orders, operators, allocations, budgets, the ledger, backbones and the mixed network."""
