"""Train the animator. A run lives in <exp_path>/<exp_name>/: checkpoints, CSV and TensorBoard logs, sample sheets.

One process, one GPU or the CPU, whichever is there:

    python train.py --dataset synthetic --stage motion --size 128 --model_option motion_channels=16 --exp_name motion
    python train.py --dataset MMFace4D=/data/MMFace4D --exp_name face

Continue exactly where it stopped (also after a signal or a crash), begin anew with its weights, or with published ones:

    python train.py --dataset MMFace4D=/data/MMFace4D --exp_name face --resume_ckpt last
    python train.py --dataset kinect=/data/k --exp_name tuned --resume_ckpt exps/face/best.ckpt --weights_only
    python train.py --dataset kinect=/data/k --exp_name tuned --resume_ckpt saved_models/VFA/VFA.pt

The flow generator from the finished network; two data sets mixed 3 to 1; options from a file:

    python train.py --distilling --dataset MMFace4D=/data/MMFace4D --exp_name flow --resume_ckpt exps/face/best.ckpt
    python train.py --dataset synthetic@3 --dataset MMFace4D=/data/MMFace4D@1 --exp_name both
    python train.py --config run.yaml --exp_name other

Several GPUs of one machine (NCCL), several CPU processes (Gloo), the same under torchrun, and several machines:

    python train.py ... --accelerator gpu --devices 4 --strategy ddp --precision bf16-mixed
    python train.py ... --accelerator cpu --devices 2 --strategy ddp
    torchrun --nproc_per_node 4 train.py ...
    torchrun --nnodes 2 --nproc_per_node 4 --rdzv_backend c10d --rdzv_endpoint node0:29500 train.py ...

SLURM: one task for each device; the same script after a requeue continues, because SIGTERM saves before it ends:

    #SBATCH --nodes=2 --ntasks-per-node=4 --gpus-per-node=4 --signal=TERM@120 --requeue
    srun python train.py ... --accelerator gpu --devices 4 --num_nodes 2 --strategy ddp --resume_ckpt last

Which samples a step takes depends on the seed and the step alone: not on the number of processes or workers.
"""

from vfa.commands.train import main

if __name__ == "__main__":
    main()
