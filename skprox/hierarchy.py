"""Groups by which a product of features comes with the features that it is made of."""

from collections import defaultdict
from itertools import combinations

import numpy as np

from skprox.columns import listing
from skprox.names import bases_within, gather, label_by_marks, label_with_products, products_of_blocks, split_names


def find_hierarchy(names, overlap):
    """The groups of the rule "auto", where those of products also hold the groups of all that they are made of."""
    if not overlap:
        raise ValueError(
            "groups='hierarchy' puts features into the groups of all their products, so that groups share columns, "
            "which takes GroupLassoPoisson with overlap='latent'. For each product on its own give groups='auto'."
        )
    labels = dict(zip(names, label_with_products(label_by_marks, names), strict=True))
    bases = products_of_blocks(names)
    split = split_names([name for name in names if name not in bases])
    for (prefix, local), each in zip(split, bases_within(split), strict=True):
        start = f"{prefix}__" if prefix else ""
        bases[start + local] = [start + base for base in each]
    lost = {base: name for name, each in bases.items() for base in each if base not in labels}
    if lost:
        raise ValueError(
            f"groups='hierarchy': columns {listing(lost)} are not in X, of which {listing(lost.values())} are products."
            " Keep them, as PolynomialFeatures does, or give the groups as a dict."
        )
    made_of = defaultdict(set)  # groups that the columns of a group are made of
    for name, each in bases.items():
        made_of[labels[name]].update(labels[base] for base in each)
    if all(len(parts) == 1 for parts in made_of.values()):
        raise ValueError(
            "groups='hierarchy' finds no column that is a product of others by its name, as 'a b' is of 'a' and 'b'. "
            "Put PolynomialFeatures before the estimator, and make_grouped_column_transformer before that where "
            f"features share a transformer; or give groups='auto'. The columns are {listing(names)}."
        )
    alike = defaultdict(list)
    for label, parts in made_of.items():
        alike[frozenset(parts)].append(label)
    own, found = gather([labels[name] for name in names]), {}
    for label in own:
        below = [less for size in range(1, len(made_of[label])) for less in combinations(made_of[label], size)]
        others = [other for less in below for other in alike.get(frozenset(less), [])]
        found[label] = np.sort(np.concatenate([own[each] for each in dict.fromkeys([label, *others])]))
    return found
