# Assembler written for the CPU it finds: cpuid decides which.
o() {
	OPENSSL_CONF=/dev/null OPENSSL_MODULES=$ROOT/usr/lib/i386-linux-gnu/ossl-modules \
		i386 usr/bin/openssl "$@"
}
file=$(amount "$ROOT/lib/i386-linux-gnu/libm.so.6" "$ROOT/usr/bin/python3.11")

o version
for digest in md5 sha1 sha224 sha256 sha384 sha512 sha512-256 sha3-256 shake128 \
		blake2b512 blake2s256 ripemd160 sm3; do
	o dgst -$digest <"$file"
done
key=00112233445566778899aabbccddeeff
for cipher in aes-128-cbc:$key aes-192-cfb:${key}0123456789abcdef \
		aes-256-ctr:$key$key camellia-256-cbc:$key$key aria-128-cbc:$key \
		chacha20:$key$key des-ede3-cbc:${key}0123456789abcdef sm4-cbc:$key; do
	name=${cipher%:*} iv=0102030405060708090a0b0c0d0e0f10
	test "$name" != des-ede3-cbc || iv=0102030405060708
	o enc "-$name" -K "${cipher#*:}" -iv $iv <"$file" | tee encrypted | md5sum
	o enc -d "-$name" -K "${cipher#*:}" -iv $iv <encrypted | cmp - "$file"
done
o enc -aes-256-cbc -pbkdf2 -iter 5000 -S 0011223344556677 -k secret <"$file" | md5sum
o mac -macopt hexkey:00112233 -digest SHA256 -in "$file" HMAC
o mac -macopt hexkey:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f \
	-in "$file" POLY1305
o kdf -keylen 32 -kdfopt digest:SHA2-256 -kdfopt key:secret -kdfopt salt:salt \
	-kdfopt info:label HKDF
o kdf -keylen 64 -kdfopt pass:password -kdfopt salt:NaCl -kdfopt n:1024 \
	-kdfopt r:8 -kdfopt p:16 -kdfopt maxmem_bytes:40000000 SCRYPT
o prime 170141183460469231731687303715884105727
o prime 170141183460469231731687303715884105729
echo 'text to sign' >text
verify() {	# $1 the key's name
	o pkey -in "$1" -pubout -out "$1.pub" &&
		o pkey -in "$1" -check -noout &&
		o dgst -sha256 -sign "$1" -out "$1.sig" text &&
		o dgst -sha256 -verify "$1.pub" -signature "$1.sig" text
}
o genpkey -quiet -algorithm RSA -pkeyopt "rsa_keygen_bits:$(amount 1024 3072)" -out rsa 2>/dev/null
verify rsa
for curve in P-256 P-384 P-521 secp256k1 brainpoolP256r1; do
	o genpkey -algorithm EC -pkeyopt ec_paramgen_curve:$curve -out ec && verify ec
done
for curve in ED25519 ED448; do
	o genpkey -algorithm $curve -out ed && o pkey -in ed -pubout -out ed.pub &&
		o pkeyutl -sign -rawin -inkey ed -in text -out ed.sig &&
		o pkeyutl -verify -rawin -pubin -inkey ed.pub -in text -sigfile ed.sig
done
for curve in X25519 X448; do
	o genpkey -algorithm $curve -out a && o genpkey -algorithm $curve -out b
	o pkey -in a -pubout -out a.pub && o pkey -in b -pubout -out b.pub
	o pkeyutl -derive -inkey a -peerkey b.pub -out ab
	o pkeyutl -derive -inkey b -peerkey a.pub -out ba
	cmp ab ba && echo "$curve agrees"
done
o req -x509 -key rsa -subj /CN=puppy -days 2 -out cert.pem &&
	o verify -CAfile cert.pem cert.pem && o x509 -in cert.pem -noout -subject
OPENSSL_ia32cap=:0 o dgst -sha256 <"$file"
