import argparse

parser = argparse.ArgumentParser(description="Sums.")
parser.add_argument("numbers", nargs="+", type=int)
parser.add_argument("--mode", choices=["a", "b"])
print(parser.format_help())
parser.parse_args([])
