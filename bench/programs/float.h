/* Floating point, for whichever unit the file that includes this has chosen:
 * five bodies that attract each other, a product of matrices, and a picture. */
#include "bench.h"

#define BODIES	5
#define SIZE	96
#define PICTURE	96

struct body {
	double at[3], speed[3], mass;
};

static struct body bodies[BODIES];
static double left[SIZE][SIZE], right[SIZE][SIZE], product[SIZE][SIZE];

static void place_bodies(void)
{
	int i, axis;

	for (i = 0; i < BODIES; i++) {
		bodies[i].mass = 1.0 / (1 + 3 * i);
		for (axis = 0; axis < 3; axis++) {
			bodies[i].at[axis] = i * (axis + 1) - axis * 0.5;
			bodies[i].speed[axis] = 0.01 * (i - axis);
		}
	}
}

static void attract(struct body *a, struct body *b, double time)
{
	double distance[3], square = 0.01, pull;
	int axis;

	for (axis = 0; axis < 3; axis++) {
		distance[axis] = a->at[axis] - b->at[axis];
		square += distance[axis] * distance[axis];
	}
	pull = time / (square * __builtin_sqrt(square));
	for (axis = 0; axis < 3; axis++) {
		a->speed[axis] -= distance[axis] * b->mass * pull;
		b->speed[axis] += distance[axis] * a->mass * pull;
	}
}

static void step(double time)
{
	int i, j, axis;

	for (i = 0; i < BODIES; i++)
		for (j = i + 1; j < BODIES; j++)
			attract(&bodies[i], &bodies[j], time);
	for (i = 0; i < BODIES; i++)
		for (axis = 0; axis < 3; axis++)
			bodies[i].at[axis] += time * bodies[i].speed[axis];
}

static void multiply(void)
{
	int i, j, k;

	for (i = 0; i < SIZE; i++) {
		for (j = 0; j < SIZE; j++) {
			double sum = 0;

			for (k = 0; k < SIZE; k++)
				sum += left[i][k] * right[k][j];
			product[i][j] = sum;
		}
	}
}

static u32 inside(double real, double imaginary)
{
	double x = 0, y = 0;
	u32 steps;

	for (steps = 0; steps < 100 && x * x + y * y < 4; steps++) {
		double next = x * x - y * y + real;

		y = 2 * x * y + imaginary;
		x = next;
	}
	return steps;
}

static u32 paint(void)
{
	u32 sum = 0;
	int row, column;

	for (row = 0; row < PICTURE; row++)
		for (column = 0; column < PICTURE; column++)
			sum = mix(sum, inside(3.0 * column / PICTURE - 2,
					      2.0 * row / PICTURE - 1));
	return sum;
}

static u32 work(void)
{
	u32 i, j, sum;

	place_bodies();
	for (i = 0; i < 60000; i++)
		step(0.001);
	for (i = 0; i < SIZE; i++) {
		for (j = 0; j < SIZE; j++) {
			left[i][j] = i + 0.25 * j;
			right[i][j] = 1.0 / (1 + i + j);
		}
	}
	for (i = 0; i < 20; i++)
		multiply();
	sum = paint();
	for (i = 0; i < 11; i++)
		sum = mix(sum, paint());
	sum = mix(sum, bodies[1].at[0] * 1000000);
	return mix(sum, product[SIZE - 1][1] * 1000);
}
