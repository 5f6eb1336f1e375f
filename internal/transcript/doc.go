// Package transcript reads, plays and rewrites dialogues kept in text files, for
// tests that are best read as a conversation.
//
// A transcript is a text of lines:
//
//	# A comment. Empty lines and comments are kept.
//	key: value
//	  more of the value, after a line break
//	key
//
// Some keys are inputs, chosen by the test; every other line is an expected
// output. [Play] walks the inputs and puts behind each what the test answers to
// it, so a played transcript equals the one it came from exactly when all
// expectations hold. [Run] does this for every file of a directory and, when told
// to update, writes the played text back: the diff of the file is then what has
// to be judged.
package transcript
