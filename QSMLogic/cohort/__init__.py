"""Many subjects: the acquisitions of a BIDS data set, one after another or on many machines, into derivatives."""
