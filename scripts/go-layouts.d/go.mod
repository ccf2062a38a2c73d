module taskleak/golayouts

go 1.25
