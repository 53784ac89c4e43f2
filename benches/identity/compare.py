"""Runs candor and Splink on labelled sets in processes of their own, and scores what they say.

compare.py CANDOR WORK SET.csv...        prints the table
compare.py splink SET.csv OUT.csv        Splink's pairs of one set (used by the former)
"""

import csv
import os
import subprocess
import sys
import tempfile
from collections import Counter


def scores(labels, pairs, clusters):
    """Best pair F1, pair F1 at 0.9, B-cubed F1, cluster-pair precision and F1."""
    sizes = Counter(labels.values())
    true = sum(n * (n - 1) // 2 for n in sizes.values())
    best, at, found, right = 0.0, 0.0, 0, 0
    pairs.sort(key=lambda pair: -pair[2])
    for index, (a, b, probability) in enumerate(pairs):
        found += 1
        right += labels[a] == labels[b]
        f1 = 2 * right / (found + true)
        if index + 1 == len(pairs) or pairs[index + 1][2] != probability:
            best = max(best, f1)
            if probability >= 0.9:
                at = f1
    both = Counter((clusters[i], labels[i]) for i in labels)
    ours = Counter(clusters[i] for i in labels)
    precision = sum(n * n / ours[c] for (c, _), n in both.items()) / len(labels)
    recall = sum(n * n / sizes[e] for (_, e), n in both.items()) / len(labels)
    right = sum(n * (n - 1) // 2 for n in both.values())
    found = sum(n * (n - 1) // 2 for n in ours.values())
    return (best, at, 2 * precision * recall / (precision + recall), right / max(found, 1),
            2 * right / max(found + true, 1))


def measured(command):
    """CPU seconds and peak megabytes of a command."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    words = process.stderr.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(words.strip().splitlines()[-1] if words.strip() else "no words")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def pairs_of(path):
    return [(r["id_l"], r["id_r"], float(r["prob"])) for r in rows(path)]


def joined(ids, pairs, least):
    """Connected components of the pairs from a probability on."""
    up = {i: i for i in ids}

    def find(i):
        while up[i] != i:
            up[i] = up[up[i]]
            i = up[i]
        return i

    for a, b, probability in pairs:
        if probability >= least:
            up[find(a)] = find(b)
    return {i: find(i) for i in ids}


def with_splink(set_path, out):
    """Splink as its own demonstrations set it up: comparisons by kind of field, rules of two fields
    each, u from random pairs, m by EM over two rules."""
    import pandas
    import splink.comparison_library as cl
    from splink import DuckDBAPI, Linker, SettingsCreator, block_on

    frame = pandas.read_csv(set_path, dtype=str)
    names = [c for c in frame.columns if c not in ("record_id", "source") and frame[c].notna().mean() > 0.02]
    kinds = {
        "first_name": lambda c: cl.NameComparison(c), "last_name": lambda c: cl.NameComparison(c),
        "full_name": lambda c: cl.NameComparison(c),
        "date_of_birth": lambda c: cl.DamerauLevenshteinAtThresholds(c, [1, 2]),
        "email": lambda c: cl.JaroWinklerAtThresholds(c, [0.88]),
        "address_line1": lambda c: cl.JaroWinklerAtThresholds(c, [0.9]),
        "postcode": lambda c: cl.DamerauLevenshteinAtThresholds(c, [1]),
    }
    comparisons = []
    for name in names:
        if name == "full_name" and "first_name" in names:
            continue
        made = kinds.get(name, lambda c: cl.ExactMatch(c))(name)
        comparisons.append(made.configure(term_frequency_adjustments=True))
    have = set(names)
    wanted = [("first_name", "last_name"), ("first_name", "date_of_birth"), ("last_name", "date_of_birth"),
              ("postcode", "last_name"), ("postcode", "date_of_birth"), ("first_name", "postcode"),
              ("email",), ("phone",), ("national_id",), ("loyalty_id",),
              ("address_line1", "street_number", "first_name")]
    rules = [block_on(*rule) for rule in wanted if have.issuperset(rule)]
    settings = SettingsCreator(link_type="dedupe_only", unique_id_column_name="record_id",
                               blocking_rules_to_generate_predictions=rules, comparisons=comparisons)
    api = DuckDBAPI()
    linker = Linker(api.register(frame), settings) if hasattr(api, "register") else Linker(frame, settings, api)
    training = linker.training
    training.estimate_probability_two_random_records_match(
        [block_on(*r) for r in (("first_name", "last_name", "date_of_birth"), ("email",)) if have.issuperset(r)],
        recall=0.7)
    training.estimate_u_using_random_sampling(max_pairs=1e6, seed=1)
    for rule in (("first_name", "last_name"), ("date_of_birth",)):
        training.estimate_parameters_using_expectation_maximisation(block_on(*rule))
    found = linker.inference.predict(threshold_match_probability=0.01).as_pandas_dataframe()
    found = found.rename(columns={"record_id_l": "id_l", "record_id_r": "id_r", "match_probability": "prob"})
    found[["id_l", "id_r", "prob"]].to_csv(out, index=False)


def main():
    candor, work, *sets = sys.argv[1:]
    try:
        import splink
        others = [("Splink " + splink.__version__, True)]
    except ImportError:
        others = []
    print("| set | by | best pair F1 | at 0.9 | B³ | cluster-pair precision | cluster-pair F1 | CPU s | MB |")
    print("|---|---|---|---|---|---|---|---|---|")
    for path in sets:
        labels = {r["record_id"]: r["entity_id"] for r in rows(path.replace(".csv", "_labels.csv"))}
        name = os.path.basename(path)[:-4]
        # Answers go into a folder of their own, because candor writes over no file.
        with tempfile.TemporaryDirectory(dir=work) as folder:
            pairs_file, clusters_file = f"{folder}/pairs.csv", f"{folder}/clusters.csv"
            cpu, memory = measured([candor, "identity", "link", path, "--pairs", pairs_file, "--clusters", clusters_file])
            clusters = {r["record_id"]: r["cluster"] for r in rows(clusters_file)}
            line(name, "candor", scores(labels, pairs_of(pairs_file), clusters), cpu, memory)
            for title, _ in others if len(labels) < 200_000 else []:
                try:
                    cpu, memory = measured([sys.executable, __file__, "splink", path, pairs_file])
                    pairs = pairs_of(pairs_file)
                    # Splink leaves the threshold to its user: 0.95, as in its demonstrations.
                    line(name, title, scores(labels, pairs, joined(labels, pairs, 0.95)), cpu, memory)
                except RuntimeError as error:
                    print(f"| {name} | {title} | failed: {error} |")


def line(name, by, numbers, cpu, memory):
    shown = " | ".join(f"{number:.4f}" for number in numbers)
    print(f"| {name} | {by} | {shown} | {cpu:.1f} | {memory:.0f} |", flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "splink":
        with_splink(sys.argv[2], sys.argv[3])
        os._exit(0)  # its database can take minutes to close
    else:
        main()
