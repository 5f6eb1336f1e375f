package s2stest

type hostile struct{ plain }
