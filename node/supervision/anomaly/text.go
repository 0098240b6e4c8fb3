package anomaly

import "fmt"

// words sets what is counted, and the text.
func (f *Finding) words(c counted, p Params) {
	switch c {
	case sales, evaluations:
		f.Counted = "sales"
		if c == evaluations {
			f.Counted = "evaluations"
		}
		f.Text = fmt.Sprintf("%d %s in a window of %d blocks, after %d in the %d windows before; from %d on this is unusual for the seller. "+
			"A promotion looks the same: it does not prove that the %s are invented.", f.Count, f.Counted, p.Window, f.Total, usualWindows, f.Bound, f.Counted)
	case floorSales:
		f.Counted = "sales"
		f.Text = fmt.Sprintf("%d of %d sales in the period burned the least fee, most of the earlier ones burned more. "+
			"The cheapest invented sales look so. It does not prove that they are invented, or that a price is understated: the seller may have a new, cheap product.", f.Count, f.Total)
	case instants:
		f.Counted = "evaluations"
		f.Text = fmt.Sprintf("%d of %d evaluations in the period came in the block of the delivery or the next one. "+
			"Whoever invents sales need not wait. It does not prove that nobody saw the goods: a shop can ask its buyers to evaluate at once.", f.Count, f.Total)
	case pair:
		f.Counted = "deliveries"
		f.Text = fmt.Sprintf("%d of %d deliveries of the seller's goods in the period are by one carrier, which delivers for hardly anybody else. "+
			"A carrier can sign deliveries of nothing. It does not prove that this one does: a small carrier can have one customer.", f.Count, f.Total)
	case cluster:
		f.Counted = "purchases"
		f.Text = fmt.Sprintf("%d of %d sales of the seller in the period are to one account, or to keys that paid it or were paid by it, and these buy mostly here. "+
			"Invented buyers have one purse. It does not prove that these are invented: a firm, or a family, can buy often.", f.Count, f.Total)
	}
}
