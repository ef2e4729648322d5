#!/usr/bin/env python3
"""Every dependency's licence allows distribution under MIT OR Apache-2.0: the list of deny.toml, where cargo-deny is not
at hand. Reads cargo metadata from standard input."""
import json, re, sys, pathlib

allowed = set(re.findall(r'"([^"]+)"', re.search(r"^allow = \[(.*?)\]", pathlib.Path(__file__).parent.parent.joinpath("deny.toml").read_text(), re.M | re.S).group(1)))


def fits(expression):
    """SPDX: AND binds tighter than OR; a slash is an old OR."""
    for either in re.split(r"\s+OR\s+|/", expression.replace("(", " ").replace(")", " ")):
        if all(part.strip() in allowed for part in re.split(r"\s+AND\s+", either.strip())):
            return True
    return False


wrong = [f"{p['name']} {p['version']}: {p['license']}" for p in json.load(sys.stdin)["packages"] if not (p["license"] and fits(p["license"]))]
if wrong:
    sys.exit("licences that deny.toml does not allow:\n" + "\n".join(wrong))
print("licences: all allowed")
