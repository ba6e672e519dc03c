import Checkpoints
import StrictJSON

/// The JSON that describes a Keras model: read strictly, and refused when it names code that is not a model's (KERAS-40 and 41).
struct JSONConfig {
    let json: JSONValue

    /// - Parameters:
    ///   - place: what holds the text, for errors: `config.json`.
    ///   - remedy: how to get at the tensors all the same.
    init(_ text: String, from place: String, limits: Limits, remedy: String) throws(CheckpointError) {
        // Keras writes with Python's json, which spells NaN and the infinities as bare words, and reads them.
        do throws(JSONReader.Failure) { json = try JSONReader.read(text, maxDepth: limits.depth, allowingNonFinite: true) } catch {
            throw CheckpointError(.malformed, "\(place) is not JSON: \(error); \(remedy)")
        }
        guard json.members != nil else { throw CheckpointError(.malformed, "\(place) is not a JSON object; \(remedy)") }
        var open = [json]
        while let value = open.popLast() {
            switch value {
            case .array(let items): open += items
            case .object(let members):
                if let module = value["module"]?.string, let name = value["class_name"]?.string, Self.isForeign(module, name, value["config"]) {
                    throw CheckpointError(.malformed, "\(place) names \(quoted(name)) of the Python module \(quoted(module)), which is no part of a model: such a file was made to run code where it is loaded. No code is run here; \(remedy)")
                }
                open += members.map(\.value)
            default: break
            }
        }
    }

    /// Whether an object of a model cannot come from `module`: one of Python's own library.
    private static func isForeign(_ module: String, _ name: String, _ config: JSONValue?) -> Bool {
        let top = module.prefix { $0 != "." }
        if top == "builtins" {
            // Keras says so of every function, whatever its module: {"module":"builtins","class_name":"function","config":"mse"}.
            guard ["function", "builtin_function_or_method", "method", "type"].contains(name) else { return true }
            return config?.string.map { runningBuiltins.contains($0) } ?? false
        }
        return libraryModules.contains(String(top))
    }

    private static let runningBuiltins: Set<String> = [
        "exec", "eval", "compile", "open", "__import__", "getattr", "setattr", "delattr", "globals", "locals", "vars", "breakpoint", "input",
    ]

    /// Python's standard library by its top names (`sys.stdlib_module_names` of 3.8 to 3.14; of those that begin with `_` the ones that run code).
    private static let libraryModules = Set("""
        abc aifc annotationlib antigravity argparse array ast asynchat asyncio asyncore atexit audioop base64 bdb binascii binhex bisect \
        bz2 cProfile calendar cgi cgitb chunk cmath cmd code codecs codeop collections colorsys compileall compression concurrent configparser \
        contextlib contextvars copy copyreg crypt csv ctypes curses dataclasses datetime dbm decimal difflib dis distutils doctest \
        dummy_threading email encodings ensurepip enum errno faulthandler fcntl filecmp fileinput fnmatch formatter fractions ftplib functools \
        gc genericpath getopt getpass gettext glob graphlib grp gzip hashlib heapq hmac html http idlelib imaplib imghdr imp importlib \
        inspect io ipaddress itertools json keyword lib2to3 linecache locale logging lzma mailbox mailcap marshal math mimetypes mmap \
        modulefinder msilib msvcrt multiprocessing netrc nis nntplib nt ntpath nturl2path numbers opcode operator optparse os ossaudiodev \
        parser pathlib pdb pickle pickletools pipes pkgutil platform plistlib poplib posix posixpath pprint profile pstats pty pwd py_compile \
        pyclbr pydoc pydoc_data pyexpat queue quopri random re readline reprlib resource rlcompleter runpy sched secrets select selectors \
        shelve shlex shutil signal site smtpd smtplib sndhdr socket socketserver spwd sqlite3 sre_compile sre_constants sre_parse ssl stat \
        statistics string stringprep struct subprocess sunau symbol symtable sys sysconfig syslog tabnanny tarfile telnetlib tempfile termios \
        textwrap this threading time timeit tkinter token tokenize tomllib trace traceback tracemalloc tty turtle turtledemo types typing \
        unicodedata unittest urllib uu uuid venv warnings wave weakref webbrowser winreg winsound wsgiref xdrlib xml xmlrpc zipapp zipfile \
        zipimport zlib zoneinfo _io _posixsubprocess _ctypes _pickle _socket _thread _winapi _frozen_importlib _frozen_importlib_external _imp \
        _osx_support _pyio _sitebuiltins _xxsubinterpreters
        """.split(separator: " ").map(String.init))
}
