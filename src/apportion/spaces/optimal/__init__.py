"""The allocation of greatest worth at a budget, when every variable has a known worth at each of its positions.

A multiple-choice knapsack: one position of every variable, the sum of their worths as great as the budget allows. Where
worths are concave it is solved by water-filling (`water`); the last steps, and what is not concave, by a dynamic
programme over what may still be worth changing (`closing`). `prices` takes the operator's costs apart, `solver` puts
all together.
"""

from apportion.spaces.optimal.solver import Optimum, Solver, Utilities

__all__ = ["Optimum", "Solver", "Utilities"]
