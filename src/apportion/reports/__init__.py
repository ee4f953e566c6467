"""What people look at: fronts, statistics, tables, plots and the page. Loads no torch."""
