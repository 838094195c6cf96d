module overt/peer

go 1.20
