module isthmus.im/examples

go 1.25.0

require isthmus.im v0.0.0

replace isthmus.im => ../
