"""How well every method does on the standard phantom, kept in golden.json.

python Testing/golden.py            print what is measured beside what is kept
python Testing/golden.py --update   keep what is measured (look at it first)
"""

import argparse
import json
from pathlib import Path

from cases import ALL, BACKGROUNDS, background_left, data_of, errors, run
from conftest import standard_phantom

from QSMLogic.phantom import Phantom

KEPT = Path(__file__).with_name("golden.json")


def kept() -> dict[str, dict[str, float]]:
    """Return the golden values: "stage/name" to measure to percent; less is better."""
    return json.loads(KEPT.read_text("utf-8"))


def measured(stage: str, name: str, phantom: Phantom) -> dict[str, float]:
    """Return a method's errors on the phantom, and for background methods what they leave of outside fields."""
    found = errors(stage, name, run(stage, name, data_of(phantom)), phantom)
    if stage == "background":
        found |= {kind: background_left(name, kind) for kind in BACKGROUNDS}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--update", action="store_true", help="write golden.json")
    parser.add_argument("--only", nargs="*", default=[], help="stages or stage/name to measure; the others stay")
    arguments = parser.parse_args()
    before = kept() if KEPT.exists() else {}
    phantom, after = standard_phantom(), {}
    for stage, name in ALL:
        key = f"{stage}/{name}"
        if arguments.only and not {stage, key} & set(arguments.only) and key in before:
            after[key] = before[key]
            continue
        after[key] = {measure: round(value, 3) for measure, value in measured(stage, name, phantom).items()}
        for measure, value in after[key].items():
            was = before.get(key, {}).get(measure)
            print(f"{key:28}{measure:16}{value:10.3f}{'' if was is None else f'   was {was:.3f}'}", flush=True)
    if arguments.update:
        KEPT.write_text(json.dumps(after, indent=1, sort_keys=True) + "\n", "utf-8")


if __name__ == "__main__":
    main()
