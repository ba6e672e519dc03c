import Harness
import StrictJSON

// Any bytes: a value or a failure. What is a value is written and read again as the same value.
fuzz { bytes in
    for allowsNonFinite in [false, true] {
        do throws(JSONReader.Failure) {
            let value = try JSONReader.read(bytes, allowingNonFinite: allowsNonFinite)
            guard let again = try? JSONReader.read(value.text()), again == value else { fatalError("written and read again, a value is another") }
            if !allowsNonFinite { return .read }
        } catch {
            promise(error.offset <= bytes.count && !error.description.isEmpty, "a failure that lies nowhere")
        }
    }
    return .refused
} mutate: { bytes, choices, limit in
    choices.once(in: 2) ? changed(bytes, limit: limit) : changedJSON(bytes, &choices, limit: limit)
}
