#!/usr/bin/env python3
"""What the independent reader (Specs/mlpb_reader.py) finds in an MLPB file, after verifying every byte: one JSON document a file.

usage: mlpb.py FILE...             (needs nothing but Python; exit status 1 for a file that is not whole)
"""
import os, runpy, sys
reader = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "Specs", "mlpb_reader.py")
sys.argv[0] = reader
runpy.run_path(reader, run_name="__main__")
