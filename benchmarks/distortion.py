"""How far balanced weights distort probabilities, by how long the network is trained (enron).

EQUIPOISE_DATA=folder python -m benchmarks.distortion
"""

from benchmarks.results import load
from equipoise.comparison import compare
from equipoise.training import TrainingOptions

EPOCHS = (3, 6, 12, 60)


def main() -> None:
    data = load("enron")
    print("| at most epochs | ECE raw | ECE corrected | macro-F1 at .5 | macro AP | … of none |")
    print("|---:|---:|---:|---:|---:|---:|")
    for epochs in EPOCHS:
        options = TrainingOptions(max_epochs=epochs)
        result = compare(data.x, data.targets, ["balanced"], cv=3, options=options)
        names = ("ece_raw", "ece", "macro_f1_half", "macro_ap")
        figures = [result.means(name)["balanced"] for name in names]
        figures.append(result.means("macro_ap")["none"])
        print(f"| {epochs} | " + " | ".join(f"{f:.3f}" for f in figures) + " |", flush=True)


if __name__ == "__main__":
    main()
