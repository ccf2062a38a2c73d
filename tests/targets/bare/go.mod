module bare

go 1.18
