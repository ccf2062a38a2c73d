module births

go 1.21
