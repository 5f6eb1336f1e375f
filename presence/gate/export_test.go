package gate

// Counted returns how many strangers, and how many acquaintances, are kept.
func Counted(g *Gate) (strangers, known int) { return len(g.strangers.m), len(g.written.m) }
