#!/usr/bin/env python3
"""Reads an MLPB 1.x file, verifies every byte of it, and prints what it holds as JSON. Written from MLPB.md alone.

usage: mlpb_reader.py FILE...        (exit status 1 and a sentence on stderr for a file that is not whole)
"""
import hashlib, json, struct, sys, zlib

DTYPES = {1: ("bool", 1), 2: ("uint8", 1), 3: ("int8", 1), 4: ("uint16", 2), 5: ("int16", 2), 6: ("uint32", 4), 7: ("int32", 4),
          8: ("uint64", 8), 9: ("int64", 8), 10: ("float16", 2), 11: ("bfloat16", 2), 12: ("float32", 4), 13: ("float64", 8),
          14: ("complex64", 8), 15: ("complex128", 16), 16: ("float8_e4m3fn", 1), 17: ("float8_e5m2", 1), 18: ("void16", 2)}


class Damaged(Exception):
    pass


def need(condition, sentence):
    if not condition:
        raise Damaged(sentence)


def up(offset):
    return (offset + 63) // 64 * 64


class Part:
    """A run of bytes read from front to back."""

    def __init__(self, data, at=0):
        self.data, self.at = data, at

    def take(self, count):
        need(count <= len(self.data) - self.at, f"{count} bytes wanted at {self.at}, {len(self.data) - self.at} are left")
        self.at += count
        return self.data[self.at - count:self.at]

    def get(self, form):
        return struct.unpack("<" + form, self.take(struct.calcsize("<" + form)))

    def mark(self, letters):
        need(self.take(8) == b"\x89MLPB" + letters, f"no {letters.decode()} mark")

    def seal(self, start, what):
        stop = self.at
        need(self.get("I")[0] == zlib.crc32(self.data[start:stop]), f"CRC of {what}")


def section_head(part):
    start = part.at
    part.mark(b"SEC")
    offset, kind, flags, size, crc, zero = part.get("Q4sIQI24s")
    need(flags < 2 and not any(zero) and kind.isalpha() and kind.isupper(), "section head")
    part.seal(start, "section head")
    return {"offset": offset, "kind": kind.decode(), "critical": flags == 1, "size": size, "crc": crc, "raw": part.data[start:part.at]}


def tensor_record(part, ordinal, minor):
    start = part.at
    part.mark(b"TEN")
    offset, number, owner, decoded, stored, block, dtype, encoding, rank, zero, length, zeros = part.get("QIIQQIBBBBII")
    sizes = part.get(f"{rank}Q")
    name = part.take(length).decode("utf-8")
    part.seal(start, f"head of {name!r}")
    head = part.data[start:part.at]
    need(number == ordinal and owner <= ordinal and zero == zeros == 0 and length <= 65535, f"head of {name!r}")
    need(block & (block - 1) == 0 and 256 <= block <= 1 << 26, f"block size {block}")
    if dtype in DTYPES:
        count = span = DTYPES[dtype][1]
        for size in sizes:
            count, span = count * size, span * max(size, 1)
        need(span < 1 << 63 and count == decoded, f"length of {name!r}")
    else:
        need(minor > 0 and dtype != 0, f"dtype {dtype} of {name!r}")
    start = part.at
    part.mark(b"CRC")
    foot_offset, foot_number, head_crc, foot_stored, blocks, flags = part.get("QIIQII")
    need(foot_number == ordinal and flags < 2 and head_crc == struct.unpack("<I", head[-4:])[0], f"foot of {name!r}")
    digest = part.take(32) if flags else None
    need(blocks == (0 if owner != ordinal else -(-decoded // block)), f"count of blocks of {name!r}")
    table = [part.get("II") for _ in range(blocks)]
    part.seal(start, f"foot of {name!r}")
    for i, (size, _) in enumerate(table):
        whole = min(block, decoded - i * block)
        need(0 < size <= whole and (encoding or size == whole), f"block {i} of {name!r}")
    need(sum(size for size, _ in table) == foot_stored, f"stored length of {name!r}")
    need(stored == foot_stored or encoding and owner == ordinal and stored == 2**64 - 1, f"stored length of {name!r}")
    return {"offset": offset, "owner": owner, "decoded": decoded, "stored": foot_stored, "block": block, "dtype": dtype, "encoding": encoding, "sizes": list(sizes),
            "name": name, "head": head, "foot": part.data[start:part.at], "foot_offset": foot_offset, "digest": digest, "table": table}


def metadata(part):
    texts = {}
    for _ in range(part.get("I")[0]):
        key = part.take(part.get("I")[0]).decode("utf-8")
        need(not texts or list(texts)[-1].encode() < key.encode(), "order of metadata")
        texts[key] = part.take(part.get("I")[0]).decode("utf-8")
    need(part.at == len(part.data) and "mlpconv.network" not in texts, "metadata")
    return texts


def ties(part, count):
    groups = [list(part.get(f"{part.get('I')[0]}I")) for _ in range(part.get("I")[0])]
    need(part.at == len(part.data), "ties")
    for group in groups:
        need(len(group) > 1 and group == sorted(set(group)) and group[-1] < count, "a group of ties")
    return groups


def unique(pairs):
    need(len(dict(pairs)) == len(pairs), "a JSON key twice")
    return dict(pairs)


def read(data):
    # Header, tail, index.
    need(len(data) >= 64 + 76 + 64 and len(data) % 64 == 0, f"length {len(data)}")
    need(data[:10] == b"\x89MLPB\r\n\x1a\n\0", "magic")
    need(struct.unpack("<I", data[60:64])[0] == zlib.crc32(data[:60]), "CRC of header")
    major, minor = struct.unpack("<HH", data[10:14])
    need(major == 1, f"major version {major}")
    need(not any(data[14:60]), "zeros in header")
    part = Part(data[-64:])
    part.mark(b"END")
    at, index_at, index_size, index_crc, header_crc, zero = part.get("QQQII20s")
    part.seal(0, "tail")
    need(at == len(data) - 64 and index_at % 64 == 0 and up(index_at + index_size) == at and not any(zero), "tail")
    need(data[60:64] == struct.pack("<I", header_crc), "tail of another header")
    index = Part(data[index_at:index_at + index_size])
    index.mark(b"IDX")
    own_at, own_size, tensor_count, section_count, flags, zero, content_hash = index.get("QQIIII32s")
    need((own_at, own_size, zero) == (index_at, index_size, 0) and flags < 2 and (flags or not any(content_hash)), "index")
    sections = [section_head(index) for _ in range(section_count)]
    tensors = [tensor_record(index, i, minor) for i in range(tensor_count)]
    index.seal(0, "index")
    need(index.at == index_size and index.data[-4:] == struct.pack("<I", index_crc), "tail of another index")

    # Every part in its place, the same as in the index, and zeros between them.
    at = 64

    def expect(offset, raw, what):
        nonlocal at
        need(offset == at, f"place of {what}")
        need(data[at:at + len(raw)] == raw, f"{what} differs from the index")
        pad(at + len(raw), what)

    def pad(end, what):
        nonlocal at
        at = up(end)
        need(at <= index_at and not any(data[end:at]), f"padding after {what}")

    def section(s):
        nonlocal at
        expect(s["offset"], s["raw"], "head of section " + s["kind"])
        s["body"] = data[at:at + s["size"]]
        need(zlib.crc32(s["body"]) == s["crc"], "CRC of section " + s["kind"])
        pad(at + s["size"], "section " + s["kind"])

    rest = list(sections)
    while rest and rest[0]["offset"] == at:
        section(rest.pop(0))
    for t in tensors:
        expect(t["offset"], t["head"], "head of " + repr(t["name"]))
        t["data"], place = data[at:at + t["stored"]], at
        for size, crc in t["table"]:
            need(zlib.crc32(data[place:place + size]) == crc, f"CRC of a block of {t['name']!r} at {place}")
            place += size
        pad(place, "data of " + repr(t["name"]))
        expect(t["foot_offset"], t["foot"], "foot of " + repr(t["name"]))
    for s in rest:
        section(s)
    need(at == index_at and not any(data[index_at + index_size:-64]), "place of index")

    # What the parts say.
    need(len({t["name"] for t in tensors}) == tensor_count and len({s["kind"] for s in sections}) == section_count, "a name or kind twice")
    bodies = {s["kind"]: s["body"] for s in sections}
    for s in sections:
        need(s["kind"] in ("NETW", "META", "OPTI", "TIES") or not s["critical"], "unknown critical section " + s["kind"])
    groups = ties(Part(bodies["TIES"]), tensor_count) if "TIES" in bodies else []
    out = {"version": f"{major}.{minor}", "tensors": [], "unsupported": [],
           "metadata": metadata(Part(bodies["META"])) if "META" in bodies else {},
           "network": bodies["NETW"].decode("utf-8") if "NETW" in bodies else None,
           "optimizer": json.loads(bodies["OPTI"], object_pairs_hook=unique) if "OPTI" in bodies else None,
           "ties": [[tensors[i]["name"] for i in group] for group in groups]}
    lines = []
    for i, t in enumerate(tensors):
        owner = tensors[t["owner"]]
        need((t["digest"] is None) == (flags == 0), "hashes")
        if owner is not t:
            same = all(owner[key] == t[key] for key in ("dtype", "sizes", "encoding", "block", "digest"))
            need(same and owner["owner"] == t["owner"] and any(i in g and t["owner"] in g for g in groups), f"sharing of {t['name']!r}")
        if t["dtype"] not in DTYPES or t["encoding"]:
            out["unsupported"].append({"name": t["name"], "reason": f"dtype {t['dtype']}, encoding {t['encoding']}"})
            continue
        digest = hashlib.sha256(owner["data"])
        need(t["digest"] in (None, digest.digest()), f"SHA-256 of {t['name']!r}")
        dtype = DTYPES[t["dtype"]][0]
        out["tensors"].append({"name": t["name"], "dtype": dtype, "shape": t["sizes"], "sha256": digest.hexdigest()})
        # JSON of the name with only what must be escaped.
        name = "".join({'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(c, c if c >= " " else f"\\u{ord(c):04x}") for c in t["name"])
        lines.append(f"\"{name}\"\t{dtype}\t[{','.join(map(str, t['sizes']))}]\t{digest.hexdigest()}\n".encode())
    out["contentHash"] = hashlib.sha256(b"".join(sorted(lines))).hexdigest()
    need(not flags or out["unsupported"] or content_hash.hex() == out["contentHash"], "contentHash")
    return out


if __name__ == "__main__":
    status = 0
    for path in sys.argv[1:]:
        try:
            with open(path, "rb") as file:
                print(json.dumps(dict({"file": path}, **read(file.read())), ensure_ascii=False))
        except (Damaged, UnicodeDecodeError, ValueError, struct.error, OSError) as error:
            print(f"{path}: not a whole MLPB file: {error}", file=sys.stderr)
            status = 1
    sys.exit(status)
