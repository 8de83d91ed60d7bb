// A stand-in for the few parts of PhysiCell 1.14.2 that docs/examples/physicell/steady_fields.h uses.
//
// Names and meaning are as in BioFVM_mesh.h, BioFVM_microenvironment.h, BioFVM_basic_agent.cpp
// (`simulate_secretion_and_uptake`) and PhysiCell_cell_container.cpp (`update_all_cells`), commit
// 69a23db. Everything else of PhysiCell is missing, and the solver only halves all densities.

#ifndef PHYSICELL_STAND_IN_H
#define PHYSICELL_STAND_IN_H

#include <string>
#include <vector>

namespace BioFVM {

struct Voxel {
    double volume = 8000.0;
    bool is_Dirichlet = false;
};

struct Cartesian_Mesh {
    std::vector<double> x_coordinates, y_coordinates, z_coordinates;
    double dx = 20.0, dy = 20.0, dz = 20.0;
    std::vector<Voxel> voxels;
};

class Microenvironment {
    std::vector<std::vector<double>> densities, dirichlet_values;
    std::vector<std::vector<bool>> activations;

public:
    Cartesian_Mesh mesh;
    std::vector<std::string> density_names;
    std::vector<double> diffusion_coefficients, decay_rates;
    void (*diffusion_decay_solver)(Microenvironment&, double);

    void resize(int nx, int ny, int nz, int substrates) {
        mesh.x_coordinates.resize(nx);
        mesh.y_coordinates.resize(ny);
        mesh.z_coordinates.resize(nz);
        mesh.voxels.resize(nx * ny * nz);
        densities.assign(nx * ny * nz, std::vector<double>(substrates, 1.0));
        dirichlet_values = densities;
        activations.assign(nx * ny * nz, std::vector<bool>(substrates, false));
    }

    std::vector<double>& operator()(int n) { return densities[n]; }
    bool get_substrate_dirichlet_activation(int substrate, int n) {
        return activations[n][substrate];
    }
    double get_substrate_dirichlet_value(int substrate, int n) {
        return dirichlet_values[n][substrate];
    }
    void update_dirichlet_node(int n, int substrate, double value) {
        mesh.voxels[n].is_Dirichlet = true;
        dirichlet_values[n][substrate] = value;
        activations[n][substrate] = true;
    }
    int find_density_index(std::string name) {
        for (unsigned int k = 0; k < density_names.size(); k++)
            if (density_names[k] == name)
                return k;
        return -1;
    }
    void simulate_diffusion_decay(double dt) { diffusion_decay_solver(*this, dt); }
};

inline void halves(Microenvironment& M, double) {
    for (unsigned int n = 0; n < M.mesh.voxels.size(); n++)
        for (double& density : M(n))
            density /= 2.0;
}

inline Microenvironment& the_microenvironment() {
    static Microenvironment only;
    return only;
}
static Microenvironment& microenvironment = the_microenvironment();

class Basic_Agent {
    double volume = 2494.0;

public:
    bool is_active = true;
    int voxel = 0;
    std::vector<double> internalized;
    double get_total_volume() { return volume; }
    int get_current_voxel_index() { return voxel; }
};

}  // namespace BioFVM

namespace PhysiCell {

struct Secretion {
    std::vector<double> secretion_rates, uptake_rates, saturation_densities, net_export_rates;
};

struct Phenotype {
    Secretion secretion;
};

class Cell : public BioFVM::Basic_Agent {
public:
    Phenotype phenotype;
    bool is_out_of_domain = false;

    void simulate_secretion_and_uptake(BioFVM::Microenvironment& M, double dt) {
        const Secretion& of = phenotype.secretion;
        double weight = dt * get_total_volume() / M.mesh.voxels[voxel].volume;
        for (unsigned int k = 0; k < of.secretion_rates.size(); k++) {
            double before = M(voxel)[k];
            M(voxel)[k] += weight * of.secretion_rates[k] * of.saturation_densities[k];
            M(voxel)[k] /= 1.0 + weight * (of.secretion_rates[k] + of.uptake_rates[k]);
            M(voxel)[k] += dt * of.net_export_rates[k] / M.mesh.voxels[voxel].volume;
            internalized[k] += (before - M(voxel)[k]) * M.mesh.voxels[voxel].volume;
        }
    }
};

inline std::vector<Cell*>& the_cells() {
    static std::vector<Cell*> cells;
    return cells;
}
static std::vector<Cell*>* all_cells = &the_cells();

inline void update_all_cells(double dt) {
    for (Cell* cell : *all_cells)
        if (cell->is_active && !cell->is_out_of_domain)
            cell->simulate_secretion_and_uptake(BioFVM::microenvironment, dt);
}

}  // namespace PhysiCell

#endif
