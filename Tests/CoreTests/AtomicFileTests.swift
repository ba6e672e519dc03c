import ByteIO
import Foundation
import TestSupport
import Testing

@Suite("AtomicFile: the old file or the new one, never a mixture") struct AtomicFileTests {
    private func replace(_ path: String, with text: String, mayReplace: Bool = true) throws(IOError) {
        let file = try AtomicFile(replacing: path, mayReplace: mayReplace)
        try file.output.append(Array(text.utf8))
        try file.commit()
    }

    private func text(_ path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }
    private func names(_ folder: String) throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: folder).sorted() }

    @Test("until the commit the old file stands as it was; after it the new one does, and nothing else")
    func commit() throws {
        try withTemporaryFolder { folder in
            let path = "\(folder)/a"
            try replace(path, with: "old")
            let file = try AtomicFile(replacing: path, mayReplace: true)
            try file.output.append(Array("new".utf8))
            try file.output.flush()
            #expect(try text(path) == "old")
            let beside = try names(folder).filter { $0 != "a" }
            #expect(beside.count == 1 && beside[0].hasPrefix("a.") && beside[0].hasSuffix(AtomicFile.temporaryEnding))
            try file.commit()
            #expect(try text(path) == "new" && names(folder) == ["a"])
        }
    }

    @Test("dropped without a commit it leaves no trace")
    func dropped() throws {
        try withTemporaryFolder { folder in
            try replace("\(folder)/a", with: "old")
            for name in ["a", "b"] {
                let file = try AtomicFile(replacing: "\(folder)/\(name)", mayReplace: true)
                try file.output.append([UInt8](repeating: 1, count: 200_000))
            }
            #expect(try text("\(folder)/a") == "old" && names(folder) == ["a"])
        }
    }

    @Test("without consent a file that exists is refused at once, and one that appears in the meantime is not replaced")
    func exists() throws {
        try withTemporaryFolder { folder in
            let path = "\(folder)/a"
            try replace(path, with: "first", mayReplace: false)
            #expect { try replace(path, with: "second", mayReplace: false) } throws: { ($0 as? IOError)?.code == EEXIST }
            let late = "\(folder)/late"
            let file = try AtomicFile(replacing: late, mayReplace: false)
            try file.output.append([1])
            try write(Array("somebody else's".utf8), to: late)
            do throws(IOError) {
                try file.commit()
                Issue.record("it replaced what appeared")
            } catch { #expect(error.code == EEXIST) }
            #expect(try text(late) == "somebody else's" && text(path) == "first" && names(folder) == ["a", "late"])
        }
    }

    @Test("the mode of the file that is replaced is kept; a new one has that of the umask")
    func modes() throws {
        try withTemporaryFolder { folder in
            func mode(_ name: String) throws -> Int? { try FileManager.default.attributesOfItem(atPath: "\(folder)/\(name)")[.posixPermissions] as? Int }
            try replace("\(folder)/a", with: "1")
            try write([], to: "\(folder)/plain")
            #expect(try mode("a") == mode("plain"))
            try FileManager.default.setAttributes([.posixPermissions: 0o604], ofItemAtPath: "\(folder)/a")
            try replace("\(folder)/a", with: "2")
            #expect(try mode("a") == 0o604)
        }
    }

    @Test("through a symbolic link its target is replaced, and the link stays one")
    func links() throws {
        try withTemporaryFolder { folder in
            try FileManager.default.createDirectory(atPath: "\(folder)/inner", withIntermediateDirectories: false)
            try replace("\(folder)/inner/a", with: "old")
            try FileManager.default.createSymbolicLink(atPath: "\(folder)/link", withDestinationPath: "inner/a")
            try replace("\(folder)/link", with: "new")
            #expect(try text("\(folder)/inner/a") == "new" && FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/link") == "inner/a")
            #expect(try names("\(folder)/inner") == ["a"] && names(folder) == ["inner", "link"])
        }
    }

    @Test("a folder, a pipe and a folder that is not there are refused, naming the path as it was given")
    func refusals() throws {
        try withTemporaryFolder { folder in
            try FileManager.default.createDirectory(atPath: "\(folder)/d", withIntermediateDirectories: false)
            #expect(unsafe mkfifo("\(folder)/fifo", 0o600) == 0)
            for name in ["d", "fifo", "none/a", "d/none/a"] {
                #expect { try replace("\(folder)/\(name)", with: "x") } throws: { ($0 as? IOError)?.path?.hasSuffix(name) == true }
            }
            #expect(try names(folder) == ["d", "fifo"] && names("\(folder)/d").isEmpty)
        }
    }

    @Test("two writers of one file do not meet: each has a temporary file of its own, and the later commit stands")
    func twoAtOnce() throws {
        try withTemporaryFolder { folder in
            let a = try AtomicFile(replacing: "\(folder)/x", mayReplace: true), b = try AtomicFile(replacing: "\(folder)/x", mayReplace: true)
            try a.output.append(Array("a".utf8))
            try b.output.append(Array("b".utf8))
            try b.commit()
            #expect(try text("\(folder)/x") == "b")
            try a.commit()
            #expect(try text("\(folder)/x") == "a" && names(folder) == ["x"])
        }
    }
}
