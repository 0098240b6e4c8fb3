package chain

// CatchUp says whether the node is catching up with its peers. Safe for concurrent use.
func (c *Chain) CatchUp(on bool) { c.catchingUp.Store(on) }
