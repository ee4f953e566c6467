"""The page: one HTML file that needs nothing else. Markup, figures, its style sheet and its script."""
