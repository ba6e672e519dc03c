import Foundation

/// `value` with `digits` decimals.
func fixed(_ value: Double, digits: Int) -> String { String(format: "%.\(digits)f", value) }

/// `value` as 1.234e-05.
func scientific(_ value: Double, digits: Int) -> String { String(format: "%.\(digits)e", value) }
