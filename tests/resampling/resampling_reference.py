"""Every algorithm once more, from its definition, one row at a time in plain Python."""

import math
import random as rnd


def ratios(counts):
    top = max(counts)
    return [top / c if c else 0.0 for c in counts]


def mean_ratio(counts):
    present = [r for r, c in zip(ratios(counts), counts, strict=True) if c]
    return sum(present) / len(present) if present else 0.0


def counts_of(y):
    return [sum(1 for row in y if row[j] == 1) for j in range(len(y[0]))]


def rare_labels(y):
    counts = counts_of(y)
    mean = mean_ratio(counts)
    return [j for j, r in enumerate(ratios(counts)) if r > mean]


def squared(a, b):
    """Missing coordinates are left out, the rest scaled up."""
    both = [(p, q) for p, q in zip(a, b, strict=True) if p == p and q == q]
    if not both:
        return math.inf
    return math.fsum((p - q) ** 2 for p, q in both) * len(a) / len(both)


def nearest(x, i, k, among=None):
    others = [j for j in (range(len(x)) if among is None else among) if j != i]
    return sorted(others, key=lambda j: (squared(x[i], x[j]), j))[:k]


def label_distance(a, b):
    known = [(p, q) for p, q in zip(a, b, strict=True) if p == p and q == q]
    total = sum(p for p, _ in known) + sum(q for _, q in known)
    return sum(p != q for p, q in known) / total if total else 0.0


def label_set_sizes(y):
    bags = {}
    for i, row in enumerate(y):
        bags.setdefault(tuple(row), []).append(i)
    return bags


def lp_ros_sizes(y, budget):
    """Label set → rows after LP-ROS."""
    bags = label_set_sizes(y)
    mean = len(y) / len(bags)
    sizes = {key: len(bag) for key, bag in bags.items()}
    rare = sorted((k for k in bags if len(bags[k]) < mean), key=lambda k: -len(bags[k]))
    for place, key in enumerate(rare):
        grow = min(math.floor(mean) - sizes[key], budget // (len(rare) - place))
        sizes[key] += grow
        budget -= grow
    return sizes


def lp_rus_sizes(y, budget):
    bags = label_set_sizes(y)
    mean = len(y) / len(bags)
    sizes = {key: len(bag) for key, bag in bags.items()}
    common = sorted((k for k in bags if len(bags[k]) > mean), key=lambda k: len(bags[k]))
    for place, key in enumerate(common):
        shrink = min(math.floor(sizes[key] - mean), budget // (len(common) - place))
        sizes[key] -= shrink
        budget -= shrink
    return sizes


def ml_ros(y, budget, recompute, seed):
    random = rnd.Random(seed)
    counts = counts_of(y)
    threshold = mean_ratio(counts)
    turn = rare_labels(y)
    bags = {j: [i for i, row in enumerate(y) if row[j]] for j in turn}
    clones = []
    while turn and len(clones) < budget:
        for label in list(turn):
            if len(clones) >= budget:
                break
            row = random.choice(bags[label])
            clones.append(row)
            counts = [c + v for c, v in zip(counts, y[row], strict=True)]
            limit = mean_ratio(counts) if recompute else threshold
            if ratios(counts)[label] <= limit:
                turn.remove(label)
    return clones


def ml_rus(y, budget, recompute, seed):
    random = rnd.Random(seed)
    counts = counts_of(y)
    threshold = mean_ratio(counts)
    rare = rare_labels(y)
    turn = [j for j, r in enumerate(ratios(counts)) if 0 < r < threshold]
    free = [i for i, row in enumerate(y) if not any(row[j] for j in rare)]
    deleted = []
    while turn and len(deleted) < budget:
        for label in list(turn):
            if len(deleted) >= budget:
                break
            pool = [i for i in free if y[i][label] and i not in deleted]
            if not pool:
                turn.remove(label)
                continue
            row = random.choice(pool)
            deleted.append(row)
            counts = [c - v for c, v in zip(counts, y[row], strict=True)]
            limit = mean_ratio(counts) if recompute else threshold
            if ratios(counts)[label] >= limit:
                turn.remove(label)
    return deleted


def smote_seeds(x, y, k):
    """(seed, its neighbours in the bag) for each rare label with at least two rows."""
    found = []
    for label in rare_labels(y):
        bag = [i for i, row in enumerate(y) if row[label] == 1]
        if len(bag) > 1:
            found += [(i, nearest(x, i, k, bag)) for i in bag]
    return found


def vote(rows, how):
    """Labels of a new row; NaN is unknown."""
    result = []
    for cells in zip(*rows, strict=True):
        known = [c for c in cells if c == c]
        if how == "ranking":
            value = math.nan if not known else float(2 * sum(known) >= len(known))
            value = 0.0 if known and not sum(known) else value
        elif how == "union":
            value = 1.0 if any(known) else (0.0 if len(known) == len(cells) else math.nan)
        else:
            lacking = any(c == 0 for c in known)
            value = 0.0 if lacking else (1.0 if len(known) == len(cells) else math.nan)
        result.append(value)
    return result


def scumble(row, ratio):
    own = [ratio[j] for j, v in enumerate(row) if v == 1]
    if len(own) < 2:
        return 0.0
    return 1 - math.prod(own) ** (1 / len(own)) / (sum(own) / len(own))


def remedial(y):
    """(row, labels) of the result, halves without labels kept."""
    counts = counts_of(y)
    ratio, mean = ratios(counts), mean_ratio(counts)
    each = [scumble(row, ratio) for row in y]
    limit = sum(each) / len(each)
    first, second = [], []
    for i, row in enumerate(y):
        if each[i] > limit + 1e-12:
            first.append((i, [v if ratio[j] > mean else 0 for j, v in enumerate(row)]))
            second.append((i, [v if ratio[j] <= mean else 0 for j, v in enumerate(row)]))
        else:
            first.append((i, list(row)))
    return first + second


def ml_enn(x, y, k, threshold):
    rare = rare_labels(y)
    kept = []
    for i, row in enumerate(y):
        near = nearest(x, i, k)
        against = sum(label_distance(row, y[j]) > threshold for j in near)
        if any(row[j] == 1 for j in rare) or not near or 2 * against < len(near):
            kept.append(i)
    return kept


def ml_tl(x, y, threshold, both):
    rare = rare_labels(y)
    near = [nearest(x, i, 1)[0] for i in range(len(x))]
    deleted = set()
    for i, j in enumerate(near):
        if near[j] == i and label_distance(y[i], y[j]) > threshold:
            deleted |= {m for m in (i, j) if both or not any(y[m][r] == 1 for r in rare)}
    return [i for i in range(len(x)) if i not in deleted]


def local(x, y, k):
    """(minority values, C, types, S, w, v) of MLSOL and MLUL; C and S are None off the cells."""
    n, n_labels = len(x), len(y[0])
    near = [nearest(x, i, k) for i in range(n)]
    positives = counts_of(y)
    known = [sum(1 for row in y if row[j] == row[j]) for j in range(n_labels)]
    minority = [1 if 2 * p <= m else 0 for p, m in zip(positives, known, strict=True)]
    c = [[None] * n_labels for _ in range(n)]
    for i in range(n):
        for j in range(n_labels):
            if y[i][j] == minority[j]:
                c[i][j] = sum(y[m][j] == 1 - y[i][j] for m in near[i]) / len(near[i])
    score = [[0.0] * n_labels for _ in range(n)]
    for j in range(n_labels):
        total = math.fsum(r[j] for r in c if r[j] is not None and r[j] < 1)
        for i in range(n):
            if c[i][j] is not None and c[i][j] < 1 and total:
                score[i][j] = c[i][j] / total
    kind = [[0 if v is None else 1 + (v >= 0.3) + (v >= 0.7) + (v >= 1) for v in r] for r in c]
    changed = True
    while changed:
        changed = False
        for i in range(n):
            for j in range(n_labels):
                if kind[i][j] == 3 and any(kind[m][j] in (1, 2) for m in near[i]):
                    kind[i][j] = 2
                    changed = True
    w = [math.fsum(r) for r in score]
    v = []
    for i in range(n):
        reverse = [m for m in range(n) if i in near[m]]
        influence = 0.0
        for m in reverse:
            for j in range(n_labels):
                if y[i][j] == y[i][j]:
                    influence += score[m][j] if y[i][j] == y[m][j] else -score[m][j]
        v.append(w[i] + (influence / len(reverse) if reverse else 0.0))
    least = min([0.0, *v])
    return minority, c, kind, score, w, [value - least for value in v], near


REACH = {0: 0.5, 1: 0.5, 2: 0.75, 3: math.inf, 4: -math.inf}


def mlsol_labels(ours, theirs, kind_ours, kind_theirs, cd):
    result = []
    for a, b, t, u in zip(ours, theirs, kind_ours, kind_theirs, strict=True):
        if t == 0 and u > 0:
            result.append(b if 1 - cd <= REACH[u] else a)
        else:
            result.append(a if a == b or cd <= REACH[t] else b)
    return result
