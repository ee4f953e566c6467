"""Tables of patterns that were all trained: what a controller finds can be compared with the best there is.

A table is a folder: `card.json` (how it was made, the space, the domains), `patterns.csv` (levels and costs) and
`rows.csv.gz` (a row per pattern, seed and epoch). Importing this loads no torch.
"""

from apportion.evaluators.tables.card import Card, card_of, names
from apportion.evaluators.tables.table import Table, table_of

__all__ = ["Card", "Table", "card_of", "names", "table_of"]
